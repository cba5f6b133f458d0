//! What there is to say about many numbers.

use std::fmt;

/// Numbers in numbers. What is not finite is counted and left out of the rest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stats {
    /// Least finite value; NaN if there is none.
    pub min: f32,
    /// Greatest finite value; NaN if there is none.
    pub max: f32,
    /// Mean of the finite values; NaN if there is none.
    pub mean: f32,
    /// How many are NaN.
    pub nan: usize,
    /// How many are infinite.
    pub infinite: usize,
    /// How many there are.
    pub count: usize,
}

impl Stats {
    /// Looks at all values.
    pub fn of(values: impl IntoIterator<Item = f32>) -> Self {
        let (mut min, mut max, mut sum) = (f32::INFINITY, f32::NEG_INFINITY, 0.0_f64);
        let (mut nan, mut infinite, mut count) = (0, 0, 0);
        for value in values {
            count += 1;
            if value.is_finite() {
                min = min.min(value);
                max = max.max(value);
                sum += f64::from(value);
            } else if value.is_nan() {
                nan += 1;
            } else {
                infinite += 1;
            }
        }
        let finite = count - nan - infinite;
        if finite == 0 {
            return Self { min: f32::NAN, max: f32::NAN, mean: f32::NAN, nan, infinite, count };
        }
        Self { min, max, mean: (sum / finite as f64) as f32, nan, infinite, count }
    }

    /// Whether all values are finite.
    pub fn is_finite(&self) -> bool {
        self.nan + self.infinite == 0
    }

    /// Where a value lies between the least and the greatest, 0 to 1; in the middle if those are equal.
    pub fn place(&self, value: f32) -> f32 {
        let span = f64::from(self.max) - f64::from(self.min);
        if span > 0.0 { ((f64::from(value) - f64::from(self.min)) / span) as f32 } else { 0.5 }
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { min, max, mean, nan, infinite, .. } = self;
        write!(f, "min {min:.3}  max {max:.3}  mean {mean:.3}  NaN {nan}  Inf {infinite}")
    }
}

#[cfg(test)]
mod tests {
    use super::Stats;

    #[test]
    fn what_is_not_finite_is_counted_and_left_out() {
        let stats = Stats::of([2.0, f32::NAN, -1.0, f32::INFINITY, f32::NEG_INFINITY, 5.0]);
        assert_eq!((stats.min, stats.max, stats.mean), (-1.0, 5.0, 2.0));
        assert_eq!((stats.nan, stats.infinite, stats.count), (1, 2, 6));
        assert!(!stats.is_finite() && Stats::of([1.0]).is_finite());
    }

    #[test]
    fn without_a_finite_value_there_is_no_range() {
        for stats in [Stats::of([]), Stats::of([f32::NAN; 3])] {
            assert!(stats.min.is_nan() && stats.max.is_nan() && stats.mean.is_nan(), "{stats:?}");
        }
    }

    #[test]
    fn values_have_a_place_between_least_and_greatest() {
        let stats = Stats::of([-1.0, 3.0]);
        assert_eq!([-1.0, 0.0, 3.0].map(|v| stats.place(v)), [0.0, 0.25, 1.0]);
        assert_eq!(Stats::of([7.0; 4]).place(7.0), 0.5);
        // The span itself is no f32.
        assert_eq!(Stats::of([f32::MIN, f32::MAX]).place(0.0), 0.5);
    }
}
