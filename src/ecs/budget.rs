//! How much of a frame cartoons may take.

use std::time::Duration;

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
    /// Whether frames longer than 1/60 s allow more milliseconds in proportion, up to half of the frame. Default: `true`.
    /// Where a game's own frames take 100 ms, another 4 ms are not felt, and 4 ms a frame would make a cartoon take minutes.
    /// A frame's length is the real time of the two before it, the shorter one.
    pub grows_with_frames: bool,
    /// Most frames with cartoons that the GPU may be behind. Range: 1 to 4, default 2; values outside are clamped. As
    /// long as it is further behind, nothing more is given to it. With 1, the next frame's passes wait until the GPU
    /// is done: least queueing, and the GPU idles in between.
    pub frames_in_flight: usize,
}

impl CartoonBudget {
    /// Milliseconds that a pass counts for where nothing has been measured.
    pub const UNTIMED_PASS_MS: f32 = 0.05;

    /// No limit: every update is drawn in one frame. For tools that want cartoons and nothing else.
    pub const UNLIMITED: Self =
        Self { passes_per_frame: None, milliseconds: None, grows_with_frames: false, frames_in_flight: 2 };

    /// The length of a frame that `milliseconds` are meant for.
    const FRAME: Duration = Duration::from_micros(16_667);
    /// Most of a long frame.
    const MOST: f32 = 0.5;

    /// The budget for a frame that takes so long.
    pub(crate) fn in_a_frame_of(self, length: Duration) -> Self {
        let grown = |ms: f32| {
            let most = ms.max(Self::MOST * length.as_secs_f32() * 1e3);
            let grown = ms * length.div_duration_f32(Self::FRAME).max(1.0);
            // NaN stays NaN: no limit, as in a short frame.
            if grown > most { most } else { grown }
        };
        Self {
            milliseconds: if self.grows_with_frames { self.milliseconds.map(grown) } else { self.milliseconds },
            ..self
        }
    }
}

impl Default for CartoonBudget {
    fn default() -> Self {
        Self { milliseconds: Some(4.0), grows_with_frames: true, ..Self::UNLIMITED }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_frame_allows_more_in_proportion_but_no_more_than_half_of_it() {
        let allowed = |ms: f32, frame: u64| {
            let budget = CartoonBudget { milliseconds: Some(ms), ..default() };
            budget.in_a_frame_of(Duration::from_millis(frame)).milliseconds.expect("a limit").round()
        };
        assert_eq!([allowed(4.0, 0), allowed(4.0, 7), allowed(4.0, 100), allowed(4.0, 1000)], [4.0, 4.0, 24.0, 240.0]);
        assert_eq!([allowed(12.0, 100), allowed(50.0, 20), allowed(0.0, 100)], [50.0, 50.0, 0.0]);
        assert!(allowed(f32::NAN, 100).is_nan() && allowed(f32::NAN, 1).is_nan());
    }

    #[test]
    fn a_budget_that_does_not_grow_stays_as_it_is() {
        let fixed = CartoonBudget { grows_with_frames: false, ..default() };
        for budget in [fixed, CartoonBudget::UNLIMITED] {
            assert_eq!(budget.in_a_frame_of(Duration::from_secs(1)), budget);
        }
    }
}
