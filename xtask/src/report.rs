//! What a check found: complaints fail it, notes are only printed.

/// The findings of one command, in the order in which they were made.
#[derive(Debug, Default)]
pub struct Report {
    complaints: Vec<String>,
    notes: Vec<String>,
}

impl Report {
    /// Records a broken rule: where, what, and what to do about it.
    pub fn complain(&mut self, place: &str, what: &str) {
        self.complaints.push(format!("{place}: {what}"));
    }

    /// Records something worth knowing that breaks no rule.
    pub fn note(&mut self, what: String) {
        self.notes.push(what);
    }

    pub fn is_clean(&self) -> bool {
        self.complaints.is_empty()
    }

    pub fn complaints(&self) -> &[String] {
        &self.complaints
    }

    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}
