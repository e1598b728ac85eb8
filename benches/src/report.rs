//! What was measured, for people as lines and for programs as JSON.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::path::Path;

use serde_json::{Value, json};

use crate::Failure;
use crate::measure::Samples;

/// What a value has to be.
#[derive(Debug, Clone, Copy)]
enum Target {
    AtMost(f64),
    AtLeast(f64),
}

impl Target {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtMost(limit) => value <= limit,
            Self::AtLeast(limit) => value >= limit,
        }
    }

    fn words(self, unit: &str) -> String {
        match self {
            Self::AtMost(limit) => format!("at most {} {unit}", shown(limit)),
            Self::AtLeast(limit) => format!("at least {} {unit}", shown(limit)),
        }
    }
}

/// One line: a value, of how many runs, beside its peers and its target.
#[derive(Debug, Clone)]
pub struct Figure {
    name: String,
    unit: &'static str,
    value: f64,
    least: f64,
    most: f64,
    runs: usize,
    ratios: Vec<(String, f64)>,
    target: Option<Target>,
}

impl Figure {
    /// A percentile of samples.
    pub fn percentile(name: &str, part: usize, samples: &Samples, unit: &'static str) -> Self {
        Self {
            name: format!("{name}, p{part}"),
            ..Self::median(name, samples, unit).of(samples.percentile(part))
        }
    }

    /// The median of runs.
    pub fn median(name: impl Into<String>, samples: &Samples, unit: &'static str) -> Self {
        Self {
            name: name.into(),
            unit,
            value: samples.median(),
            least: samples.percentile(0),
            most: samples.percentile(100),
            runs: samples.count(),
            ratios: Vec::new(),
            target: None,
        }
    }

    /// The middle, and the slowest hundredth.
    pub fn p50_and_p99(name: &str, samples: &Samples, unit: &'static str) -> [Self; 2] {
        [50, 99].map(|part| Self::percentile(name, part, samples, unit))
    }

    fn of(self, value: f64) -> Self {
        Self { value, ..self }
    }

    /// Puts a peer of the same run beside it, in the same unit.
    pub fn beside(mut self, peer: &str, value: f64) -> Self {
        if value > 0.0 {
            self.ratios.push((peer.to_owned(), self.value / value));
        }
        self
    }

    /// What it may come to.
    pub const fn at_most(mut self, limit: f64) -> Self {
        self.target = Some(Target::AtMost(limit));
        self
    }

    /// What it has to come to.
    pub const fn at_least(mut self, limit: f64) -> Self {
        self.target = Some(Target::AtLeast(limit));
        self
    }

    fn line(&self) -> String {
        let ratios: Vec<_> = self
            .ratios
            .iter()
            .map(|(peer, ratio)| format!("{} x {peer}", shown(*ratio)))
            .collect();
        let target = self.target.map(|target| {
            let verdict = if target.is_met(self.value) {
                "met"
            } else {
                "MISSED"
            };
            format!("[{}: {verdict}]", target.words(self.unit))
        });
        let range = format!("{} to {}", shown(self.least), shown(self.most));
        let line = format!(
            "  {:<48} {:>9} {:<8} {:<18} n={:<5} {} {}",
            self.name,
            shown(self.value),
            self.unit,
            range,
            self.runs,
            ratios.join(", "),
            target.unwrap_or_default()
        );
        line.trim_end().to_owned()
    }

    fn json(&self, subject: &str) -> Value {
        let ratios: Vec<_> = self
            .ratios
            .iter()
            .map(|(peer, ratio)| json!({ "peer": peer, "ratio": ratio }))
            .collect();
        json!({
            "subject": subject,
            "name": self.name,
            "unit": self.unit,
            "value": self.value,
            "least": self.least,
            "most": self.most,
            "runs": self.runs,
            "ratios": ratios,
            "target": self.target.map(|target| target.words(self.unit)),
            "met": self.target.map(|target| target.is_met(self.value)),
        })
    }
}

/// Three digits that count, and no more.
fn shown(value: f64) -> String {
    let size = value.abs();
    let places = match size {
        _ if size >= 100.0 || size == 0.0 => 0,
        _ if size >= 10.0 => 1,
        _ if size >= 0.1 => 2,
        _ => 4,
    };
    format!("{value:.places$}")
}

/// All figures of a run.
pub struct Report {
    machine: Value,
    figures: Vec<Value>,
}

impl Report {
    /// Begins a run on a machine.
    pub fn begin(machine: Value) -> Self {
        println!("machine: {machine}");
        Self {
            machine,
            figures: Vec::new(),
        }
    }

    /// Prints what a subject came to, and keeps it.
    pub fn add(&mut self, subject: &str, figures: &[Figure]) {
        println!("\n{subject}");
        for figure in figures {
            println!("{}", figure.line());
            self.figures.push(figure.json(subject));
        }
    }

    /// Writes everything to a file, with the load at the end.
    pub fn keep(&self, file: &Path, load_after: &str) -> Result<(), Failure> {
        let all = json!({
            "machine": self.machine,
            "load_after": load_after,
            "figures": self.figures,
        });
        std::fs::write(file, serde_json::to_vec_pretty(&all)?)
            .map_err(|error| format!("writing {}: {error}", file.display()))?;
        println!(
            "\nload at the end: {load_after}\nkept in {}",
            file.display()
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_met_or_missed() {
        assert!(Target::AtMost(2.0).is_met(2.0) && !Target::AtMost(2.0).is_met(2.1));
        assert!(Target::AtLeast(2.0).is_met(2.0) && !Target::AtLeast(2.0).is_met(1.9));
    }

    #[test]
    fn a_line_says_the_value_its_peer_and_the_verdict() {
        let samples: Samples = [10.0, 30.0, 20.0].into_iter().collect();
        let figure = Figure::median("start", &samples, "ms").beside("true", 5.0);
        let (met, missed) = (figure.clone().at_most(20.0), figure.at_most(19.0));
        assert!(met.line().contains("20.0 ms") && met.line().contains("4.00 x true"));
        assert!(met.line().ends_with("[at most 20.0 ms: met]"));
        assert!(missed.line().ends_with("[at most 19.0 ms: MISSED]"));
        assert_eq!(missed.json("start").get("met"), Some(&json!(false)));
    }
}
