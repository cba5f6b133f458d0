//! Keeps the noise of a moving picture out of its cartoon.

use bevy::prelude::*;

/// Steadies the cartoon of a moving picture, such as a camera's, whose noise the network would turn into flicker.
///
/// A property of an entity with a `CartoonGroup`; without it, nothing is smoothed. Before each update the picture, at the
/// network's size, is compared with what it was: where it differs by no more than noise, the mean of the latest updates
/// goes on to the network; where more has changed, the new picture does. So still parts of a noisy picture come to rest,
/// and real changes are not late:
///
/// | in one update, a pixel of the network's size differs in a channel | arrives |
/// |---|---|
/// | by 3 x noise or more on average with its 8 neighbours, or alone by 6 x noise | at once, exactly |
/// | by more than 1 x noise on average, or alone by more than 2.5 x noise | partly, more the larger it is |
/// | by less | to 95 % within 3 x `frames` updates |
///
/// Noise is that of the picture; where n x n pixels of the picture are averaged to one of the network, a part in n of it. A still picture without noise is passed on exactly, and
/// equal frames give equal cartoons, bit for bit. Another picture, another size or another model starts afresh.
/// With a [`Cartoon::strength`](super::Cartoon::strength) below 1, the picture below the cartoon is the original.
///
/// It costs two passes of the network's size an update, and three textures of 16 bytes a pixel.
#[derive(Component, Debug, Clone, Copy, PartialEq, Reflect)]
#[reflect(Component)]
pub struct CartoonSmoothing {
    /// How far a value strays from the truth, in steps of 1 / 255. Range: 0 (no smoothing) to 32, default 2: a webcam in
    /// good light. Dim light: 4 to 6.
    pub noise: f32,
    /// How many updates the mean goes over. Range: 1 (no smoothing) to 64, default 8.
    pub frames: u32,
}

impl CartoonSmoothing {
    /// No smoothing.
    pub const OFF: Self = Self { noise: 0.0, frames: 1 };

    /// The settings, within their ranges; `None` if nothing is to be smoothed.
    pub fn effective(self) -> Option<Self> {
        let Self { noise, frames } = self;
        (noise > 0.0 && frames > 1).then(|| Self { noise: noise.min(32.0), frames: frames.min(64) })
    }
}

impl Default for CartoonSmoothing {
    fn default() -> Self {
        Self { noise: 2.0, frames: 8 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_out_of_range_are_clamped_or_mean_off() {
        let effective = |noise, frames| CartoonSmoothing { noise, frames }.effective();
        assert_eq!(effective(2.0, 8), Some(CartoonSmoothing::default()));
        assert_eq!(effective(1e9, 1000), Some(CartoonSmoothing { noise: 32.0, frames: 64 }));
        for (noise, frames) in [(0.0, 16), (-1.0, 16), (f32::NAN, 16), (2.0, 0), (2.0, 1)] {
            assert_eq!(effective(noise, frames), None, "{noise}, {frames}");
        }
        assert_eq!(CartoonSmoothing::OFF.effective(), None);
    }
}
