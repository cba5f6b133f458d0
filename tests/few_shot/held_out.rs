//! Pairs that are held out: never learned from, they tell which step is kept, and when to stop.

use bevy::prelude::*;
use bevy_toonface::ecs::TrainingRequest;
use bevy_toonface::few_shot::FewShotProgress;
use bevy_toonface::prelude::*;

use super::gpu::headless::run_until;
use super::gpu::{EIGHT_PLANES, LIMIT, add_model};
use super::{SIDE, cartoon, finish, image, mirror, model, pair, pairs, session};

/// As the group that is started from draws it: the better the style is learned, the worse this.
fn pair_as_before(app: &mut App, model: &Handle<CartoonModel>, seed: u64) -> FewShotPair {
    let photo = pair(app, seed).photo;
    let drawn = cartoon(app, model, "g0", &photo);
    let pixels: Vec<[f32; 3]> =
        (0..SIDE * SIDE).map(|i| std::array::from_fn(|c| 0.5 * (drawn.data[c * SIDE * SIDE + i] + 1.0))).collect();
    FewShotPair { photo, cartoon: app.world_mut().resource_mut::<Assets<Image>>().add(image(&pixels, SIDE)) }
}

/// Trains with two more pairs that are held out; its progress, and the step whose weights were kept.
fn with_held_out(
    app: &mut App,
    make: fn(&mut App, &Handle<CartoonModel>, u64) -> FewShotPair,
    patience: Option<usize>,
) -> (FewShotProgress, usize) {
    let handle = add_model(app, model());
    let mut session = session(&handle, "judged", pairs(app, 3));
    session.pairs.extend([7, 8].map(|seed| make(app, &handle, seed)));
    (session.holdout, session.patience) = (2, patience);
    session.options.steps = 110;
    session.options.learning_rate = 3e-3;
    let entity = app.world_mut().spawn(session).id();
    let request = run_until(app, LIMIT, |world| world.get::<TrainingRequest>(entity).cloned()).expect("a training");
    assert_eq!((request.examples.len(), request.held_out), (8, 2));
    let inputs: Vec<_> = request.examples.iter().map(|example| example["input"].data.clone()).collect();
    assert_eq!(inputs[3], mirror(&request.examples[0]["input"]), "mirrored ones follow those that are learned from");
    let image = app.world().get::<FewShotSession>(entity).expect("a session").pairs[4].cartoon.clone();
    let image = app.world().resource::<Assets<Image>>().get(&image).and_then(|image| image.data.clone());
    let red =
        image.expect("a picture").chunks_exact(4).map(|pixel| f32::from(pixel[0]) / 127.5 - 1.0).collect::<Vec<_>>();
    let target = &request.examples[7]["target"].data[..SIDE * SIDE];
    let off = target.iter().zip(&red).map(|(a, b)| (a - b).abs()).sum::<f32>() / red.len() as f32;
    assert!(off < 0.01, "those that are held out come last: {off}");
    let progress = run_until(app, 10 * LIMIT, |world| {
        world.get::<FewShotStatus>(entity)?.is_over().then(|| world.get::<FewShotProgress>(entity).cloned())?
    });
    let (status, result) = finish(app, entity);
    assert_eq!(status, FewShotStatus::Finished);
    (progress.expect("an end"), result.expect("a result").step)
}

#[test]
fn pairs_that_are_held_out_tell_which_step_is_kept() {
    EIGHT_PLANES.run(|app| {
        app.insert_resource(CartoonBudget::UNLIMITED);
        let steps = |progress: &FewShotProgress| progress.held_out.iter().map(|(step, _)| *step).collect::<Vec<_>>();
        let (progress, kept) = with_held_out(app, |app, _, seed| pair(app, seed), None);
        println!("{:?}", progress.held_out);
        assert_eq!(steps(&progress), [0, 1, 25, 50, 75, 100, 110]);
        let best = progress.held_out[1..].iter().min_by(|a, b| a.1.total_cmp(&b.1)).expect("losses");
        assert_eq!(kept, best.0);
        assert!(best.1 < 0.8 * progress.held_out[0].1, "nothing was learned");

        let (progress, kept) = with_held_out(app, pair_as_before, None);
        println!("{:?}", progress.held_out);
        assert_eq!(kept, 1, "it only got worse");
        assert_eq!(steps(&progress).last(), Some(&110));

        let (progress, kept) = with_held_out(app, pair_as_before, Some(40));
        let last = *steps(&progress).last().expect("losses");
        assert_eq!((kept, progress.step), (1, last));
        assert!((50..100).contains(&last), "stopped at step {last}");
    });
}
