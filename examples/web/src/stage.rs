//! Where the sprites stand: pairs of picture and cartoon, as large as the canvas allows.

use bevy::prelude::*;
use bevy::window::PrimaryWindow;

use crate::people::People;

/// Part of a cell that a picture fills.
const FILL: f32 = 0.94;

pub fn plugin(app: &mut App) {
    app.add_systems(Startup, |mut commands: Commands| {
        commands.spawn((Camera2d, Msaa::Off));
    })
    .add_systems(Update, arrange);
}

/// A grid of square cells, two of them a pair.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Grid {
    /// Pairs side by side.
    columns: usize,
    /// Pairs below one another.
    rows: usize,
    /// Whether the cartoon is below its picture instead of beside it.
    stacked: bool,
    /// Side of a cell.
    cell: f32,
}

impl Grid {
    /// The full grid with the largest cells.
    fn new(pairs: usize, area: Vec2) -> Self {
        let pairs = pairs.max(1);
        let full = (1..=pairs).filter(|columns| pairs.is_multiple_of(*columns));
        let candidates = full.flat_map(|columns| [false, true].map(|stacked| (columns, stacked)));
        let grids = candidates.map(|(columns, stacked)| {
            let rows = pairs / columns;
            let cells = if stacked { (columns, 2 * rows) } else { (2 * columns, rows) };
            Self { columns, rows, stacked, cell: (area.x / cells.0 as f32).min(area.y / cells.1 as f32) }
        });
        // There is always a candidate: one column.
        grids.max_by(|a, b| a.cell.total_cmp(&b.cell)).unwrap_or(Self {
            columns: 1,
            rows: 1,
            stacked: false,
            cell: 0.0,
        })
    }

    /// The centres of a pair's two cells, around the middle of the canvas.
    fn places(&self, pair: usize) -> [Vec2; 2] {
        let (width, height) = if self.stacked { (1.0, 2.0) } else { (2.0, 1.0) };
        let column = (pair % self.columns) as f32 - (self.columns as f32 - 1.0) / 2.0;
        let row = (pair / self.columns) as f32 - (self.rows as f32 - 1.0) / 2.0;
        let centre = Vec2::new(column * width, -row * height);
        let half = if self.stacked { Vec2::new(0.0, 0.5) } else { Vec2::new(-0.5, 0.0) };
        [(centre + half) * self.cell, (centre - half) * self.cell]
    }
}

fn arrange(
    people: Res<People>,
    windows: Query<&Window, With<PrimaryWindow>>,
    images: Res<Assets<Image>>,
    mut sprites: Query<(&mut Sprite, &mut Transform)>,
) {
    let Ok(window) = windows.single() else { return };
    let grid = Grid::new(people.len(), window.size());
    for (i, person) in people.iter().enumerate() {
        for (entity, place) in [person.picture, person.cartoon].into_iter().zip(grid.places(i)) {
            let Ok((mut sprite, mut transform)) = sprites.get_mut(entity) else { continue };
            let Some(size) = images.get(&sprite.image).map(|image| image.size().as_vec2()) else { continue };
            let size = Some(size * FILL * grid.cell / size.max_element().max(1.0));
            if sprite.custom_size != size {
                sprite.custom_size = size;
            }
            let place = place.extend(0.0);
            if transform.translation != place {
                transform.translation = place;
            }
        }
    }
}
