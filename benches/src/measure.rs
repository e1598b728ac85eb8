//! Measured values and what is said of them: medians and percentiles.

use std::time::Duration;

/// Values of one figure, in the order in which they were measured.
#[derive(Debug, Clone, Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// Adds a value.
    pub fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// Adds a time, in milliseconds.
    pub fn push_millis(&mut self, span: Duration) {
        self.push(span.as_secs_f64() * 1_000.0);
    }

    /// How many there are.
    pub const fn count(&self) -> usize {
        self.0.len()
    }

    /// The smallest value that `part` of a hundred do not exceed (nearest rank); 0 of none.
    pub fn percentile(&self, part: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let place = (sorted.len() * part).div_ceil(100).saturating_sub(1);
        sorted.get(place).copied().unwrap_or_default()
    }

    /// All of them, shared out evenly: for what is counted in steps as large as itself.
    pub fn mean(&self) -> f64 {
        self.0.iter().sum::<f64>() / float(u64::try_from(self.count()).unwrap_or(1).max(1))
    }

    /// The middle one.
    pub fn median(&self) -> f64 {
        self.percentile(50)
    }
}

impl FromIterator<f64> for Samples {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

/// A number of things as a value; what is beyond 32 bits is not counted here.
pub fn float(number: u64) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let said = |samples: &Samples, part| format!("{:.0}", samples.percentile(part));
        let many: Samples = (1..=200).rev().map(f64::from).collect();
        let found = [0, 1, 50, 99, 100].map(|part| said(&many, part));
        assert_eq!(found, ["1", "2", "100", "198", "200"]);
        let few: Samples = [3.0, 1.0, 2.0].into_iter().collect();
        assert_eq!([50, 99].map(|part| said(&few, part)), ["2", "3"]);
        assert!(Samples::default().median().abs() < f64::EPSILON);
    }
}
