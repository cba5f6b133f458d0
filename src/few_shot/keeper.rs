//! Which of the weights that a session has seen become its group's.

/// A step, and the weights after it.
type Seen = (usize, Vec<f32>);

/// The weights to keep: those of the least loss of the pairs that are held out; the latest ones, if none are.
#[derive(Debug, Clone, Default)]
pub(super) struct Keeper {
    latest: Option<Seen>,
    /// Those whose loss is to come.
    unjudged: Vec<Seen>,
    best: Option<(f32, Seen)>,
    /// The latest step whose loss is known.
    judged: usize,
}

impl Keeper {
    /// Takes note of weights, which must be finite. If they `are_judged`, their loss comes later.
    pub fn see(&mut self, step: usize, weights: Vec<f32>, are_judged: bool) {
        if are_judged {
            self.unjudged.push((step, weights.clone()));
        }
        self.latest = Some((step, weights));
    }

    /// Takes note of the loss of the pairs that are held out, by the weights after `step`.
    pub fn judge(&mut self, step: usize, loss: f32) {
        let Some(at) = self.unjudged.iter().position(|(seen, _)| *seen == step) else { return };
        let seen = self.unjudged.swap_remove(at);
        self.unjudged.retain(|(other, _)| *other > step);
        self.judged = step;
        // What is no number is below nothing.
        if loss < self.best.as_ref().map_or(f32::INFINITY, |(best, _)| *best) {
            self.best = Some((loss, seen));
        }
    }

    /// The step of the latest weights; 0 before there are any.
    pub fn latest_step(&self) -> usize {
        self.latest.as_ref().map_or(0, |(step, _)| *step)
    }

    /// The latest step whose loss is known; 0 before any is.
    pub fn judged_step(&self) -> usize {
        self.judged
    }

    /// The weights to keep, and the step they are of: 0, and none, before there are any.
    pub fn kept(&self) -> (usize, &[f32]) {
        let seen = self.best.as_ref().map(|(_, seen)| seen).or(self.latest.as_ref());
        seen.map_or((0, [].as_slice()), |(step, weights)| (*step, weights))
    }

    /// Whether there has been nothing better for so many steps.
    pub fn is_past(&self, patience: usize) -> bool {
        self.best.as_ref().is_some_and(|(_, (best, _))| self.judged >= best + patience.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::Keeper;

    #[test]
    fn the_least_loss_is_kept_and_the_latest_weights_without_any() {
        let mut keeper = Keeper::default();
        assert_eq!(keeper.kept(), (0, [].as_slice()));
        keeper.see(1, vec![1.0], false);
        keeper.see(25, vec![2.0], false);
        assert_eq!((keeper.kept(), keeper.latest_step()), ((25, [2.0].as_slice()), 25));
        assert!(!keeper.is_past(0), "nothing is judged");

        let mut keeper = Keeper::default();
        for (step, loss) in [(1, 0.5), (25, f32::NAN), (50, 0.3), (75, 0.3), (100, 0.4)] {
            keeper.see(step, vec![step as f32], true);
            keeper.judge(step, loss);
        }
        assert_eq!((keeper.kept(), keeper.latest_step()), ((50, [50.0].as_slice()), 100));
        assert_eq!([25, 50, 51].map(|patience| keeper.is_past(patience)), [true, true, false]);
        keeper.see(125, vec![125.0], true);
        assert!(!keeper.is_past(60), "the last ones are not judged yet");
        keeper.judge(7, 0.0);
        assert_eq!(keeper.kept().0, 50, "a step that nobody saw");
        keeper.judge(125, 0.1);
        assert_eq!((keeper.kept().0, keeper.is_past(1)), (125, false));
    }
}
