//! Keeps the rate of sources that could go as fast as they like.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::VideoError;

/// Longest sleep, so that a video that goes away ends soon.
const NAP: Duration = Duration::from_millis(20);

/// Beats so many times a second.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    period: Duration,
    next: Instant,
}

impl Clock {
    /// # Errors
    /// If the rate is not above 0 and at most 1000.
    pub fn new(fps: f32) -> Result<Self, VideoError> {
        if !(fps > 0.0 && fps <= 1000.0) {
            return Err(VideoError::Rate { fps });
        }
        Ok(Self { period: Duration::from_secs_f32(1.0 / fps), next: Instant::now() })
    }

    /// Whether a frame is due; if not, sleeps for a short while. Beats that were missed are not made up for.
    pub fn is_due(&mut self) -> bool {
        let now = Instant::now();
        if let Some(left) = self.next.checked_duration_since(now).filter(|left| !left.is_zero()) {
            sleep(left.min(NAP));
            if left > NAP {
                return false;
            }
        }
        self.next = (self.next + self.period).max(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_that_nobody_can_keep_are_refused() {
        for fps in [0.0, -5.0, f32::NAN, f32::INFINITY, 1001.0] {
            assert!(matches!(Clock::new(fps), Err(VideoError::Rate { .. })), "{fps}");
        }
        assert!(Clock::new(0.1).is_ok() && Clock::new(1000.0).is_ok());
    }

    #[test]
    fn a_slow_clock_returns_soon_and_says_that_nothing_is_due() {
        let mut clock = Clock::new(0.01).expect("a rate");
        assert!(clock.is_due(), "the first is due at once");
        let started = Instant::now();
        assert!(!clock.is_due());
        assert!(started.elapsed() < Duration::from_secs(5));
    }
}
