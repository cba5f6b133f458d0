//! How much of a frame cartoons may take.

use bevy::prelude::*;

/// How much of a frame cartoons may take. What does not fit into a frame goes on in the next; until a cartoon is
/// finished, the one before stays on screen.
///
/// A resource: change it whenever you like. It holds for all cartoons together, which are served in turn.
///
/// ```no_run
/// # use bevy::prelude::*;
/// # use bevy_toonface::prelude::*;
/// # let mut app = App::new();
/// app.insert_resource(CartoonBudget { milliseconds: Some(2.0), ..default() });
/// ```
#[derive(Resource, Debug, Clone, Copy, PartialEq, Reflect)]
#[reflect(Resource)]
pub struct CartoonBudget {
    /// Most render passes a frame. Default: `None`, as many as there are. `Some(0)` pauses all cartoons.
    pub passes_per_frame: Option<usize>,
    /// GPU milliseconds a frame that cartoons may take. Default: `Some(4.0)`, a quarter of a frame at 60 a second: one
    /// update is not felt on a slow device, and fits a single frame on a fast one. `None`: no limit. A frame with
    /// work draws at least one pass.
    ///
    /// What a pass takes is measured, on devices with timestamp queries. On others (WebGL2 is one) every pass counts as
    /// [`CartoonBudget::UNTIMED_PASS_MS`].
    pub milliseconds: Option<f32>,
    /// Most frames with cartoons that the GPU may be behind. Range: 1 to 4, default 2; values outside are clamped. As
    /// long as it is further behind, nothing more is given to it. With 1, the next frame's passes wait until the GPU
    /// is done: least queueing, and the GPU idles in between.
    pub frames_in_flight: usize,
}

impl CartoonBudget {
    /// Milliseconds that a pass counts for where nothing has been measured.
    pub const UNTIMED_PASS_MS: f32 = 0.05;

    /// No limit: every update is drawn in one frame. For tools that want cartoons and nothing else.
    pub const UNLIMITED: Self = Self { passes_per_frame: None, milliseconds: None, frames_in_flight: 2 };
}

impl Default for CartoonBudget {
    fn default() -> Self {
        Self { milliseconds: Some(4.0), ..Self::UNLIMITED }
    }
}
