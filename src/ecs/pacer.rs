//! When a cartoon with a rate is due. The clock comes from outside.

/// Part of a period that an update may come early: clocks round.
const EARLY: f64 = 1e-3;

/// Keeps a number of updates a second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Pacer {
    /// When the latest update was due, in seconds on the clock.
    beat: Option<f64>,
}

impl Pacer {
    /// Whether an update is due at `now`, in seconds on any clock that never runs backwards. The first is due at once;
    /// updates that were missed are not made up for. At a rate that is not above 0, none is due after the first.
    pub fn due(&mut self, now: f64, per_second: f32) -> bool {
        let Some(beat) = self.beat else {
            self.beat = Some(now);
            return true;
        };
        let rate = f64::from(per_second);
        let beats = ((now - beat) * rate + EARLY).floor();
        let due = beats >= 1.0;
        if due {
            // The beat is kept, however late the frame came.
            self.beat = Some(if beats.is_finite() { beat + beats / rate } else { now });
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::Pacer;

    /// Updates in `seconds` at `fps` frames a second.
    fn count(pacer: &mut Pacer, seconds: u32, fps: u32, rate: f32) -> u32 {
        (0..seconds * fps).map(|frame| u32::from(pacer.due(f64::from(frame) / f64::from(fps), rate))).sum()
    }

    #[test]
    fn a_rate_is_kept_whatever_the_frame_rate() {
        for fps in [24, 30, 50, 60, 144] {
            for rate in [1, 2, 5, 7, 12, 24] {
                let updates = count(&mut Pacer::default(), 10, fps, rate as f32);
                assert!(updates.abs_diff(10 * rate) <= 1, "{rate} a second at {fps} fps: {updates} in 10 s");
            }
        }
    }

    #[test]
    fn a_rate_above_the_frame_rate_is_every_frame() {
        for rate in [60.0, 100.0, 1e9, f32::INFINITY] {
            assert_eq!(count(&mut Pacer::default(), 2, 30, rate), 60, "{rate}");
        }
    }

    #[test]
    fn the_first_update_is_due_at_once_and_no_other_without_a_rate() {
        for rate in [0.0, -1.0, f32::NAN, f32::NEG_INFINITY] {
            assert_eq!(count(&mut Pacer::default(), 5, 60, rate), 1, "{rate}");
        }
    }

    #[test]
    fn missed_updates_are_not_made_up_for_and_the_beat_goes_on() {
        let mut pacer = Pacer::default();
        let due: Vec<bool> = [0.0, 0.4, 5.3, 5.4, 5.9, 6.0, 6.1].map(|now| pacer.due(now, 1.0)).into();
        assert_eq!(due, [true, false, true, false, false, true, false]);
    }

    #[test]
    fn a_clock_that_stands_still_makes_nothing_due() {
        let mut pacer = Pacer::default();
        assert!(pacer.due(3.0, 30.0));
        assert!((0..100).all(|_| !pacer.due(3.0, 30.0)));
    }

    #[test]
    fn another_rate_counts_from_the_update_before() {
        let mut pacer = Pacer::default();
        assert!(pacer.due(0.0, 0.1));
        assert!(!pacer.due(0.5, 1.0) && pacer.due(1.0, 1.0));
        assert!(!pacer.due(1.5, 0.0) && !pacer.due(100.0, 0.0));
        assert!(pacer.due(100.1, 2.0) && !pacer.due(100.2, 2.0) && pacer.due(100.6, 2.0));
    }
}
