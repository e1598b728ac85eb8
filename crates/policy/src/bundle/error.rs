//! What is wrong with a bundle, where, and what to do about it.

use std::fmt;

use cedar_policy::ffi::DetailedError;

/// The most problems that are told: nobody mends more at once, and each is looked for in its file.
pub(super) const MOST_PROBLEMS: usize = 100;

/// Everything that is wrong with a bundle; at least one problem. Prints one a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines(.problems))]
pub struct BundleError {
    problems: Vec<Problem>,
}

impl BundleError {
    /// The problems, in the order of their files.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// An error when there is any problem.
    pub(super) fn check(mut problems: Vec<Problem>) -> Result<(), Self> {
        problems.sort_by(|one, other| one.place.cmp(&other.place));
        problems.truncate(MOST_PROBLEMS);
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Self { problems })
        }
    }
}

impl From<Problem> for BundleError {
    fn from(problem: Problem) -> Self {
        Self {
            problems: vec![problem],
        }
    }
}

fn lines(problems: &[Problem]) -> String {
    let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
    texts.join("\n")
}

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {cause}")]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What, and what to do about it.
    pub cause: Cause,
}

impl Problem {
    pub(super) fn whole_file(file: &str, cause: Cause) -> Self {
        let place = Place {
            file: file.to_owned(),
            at: None,
        };
        Self { place, cause }
    }

    pub(super) fn at(file: &str, text: &str, offset: usize, cause: Cause) -> Self {
        let place = Place {
            file: file.to_owned(),
            at: Some(line_and_column(text, offset)),
        };
        Self { place, cause }
    }

    /// A problem that Cedar found in `text`; `cause` is given its message and advice.
    pub(super) fn from_cedar(
        file: &str,
        text: &str,
        found: DetailedError,
        cause: impl FnOnce(String) -> Cause,
    ) -> Self {
        let label = found.source_locations.first();
        let expected = label.and_then(|label| label.label.clone());
        let parts = [Some(found.message), expected, found.help];
        let told: Vec<String> = parts.into_iter().flatten().collect();
        let cause = cause(told.join("; "));
        match label {
            Some(label) => Self::at(file, text, label.loc.start, cause),
            None => Self::whole_file(file, cause),
        }
    }
}

/// A place in a bundle.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file's path inside the bundle.
    pub file: String,
    /// Line and column in characters, both from 1, when the problem is not the whole file's.
    pub at: Option<(usize, usize)>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some((line, column)) => write!(f, "{}:{line}:{column}", self.file),
            None => f.write_str(&self.file),
        }
    }
}

/// What can be wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// A file every bundle has is not there.
    #[error(
        "every bundle has this file, and this one does not; add it, the shipped bundle's is an example"
    )]
    Missing,
    /// A file no bundle has.
    #[error(
        "no such file belongs in a bundle; a bundle is schema.cedarschema, line/, ordinary/, privileged/, guardrails/ and \
         invariants/ with *.cedar files named by a-z, A-Z, 0-9, '-', '_' and '.', and flows.toml in ordinary/ and \
         privileged/: move it elsewhere or rename it"
    )]
    Unknown,
    /// More than a bundle may hold.
    #[error("this is too large: at most {most} {what}; split it or make it smaller")]
    TooLarge {
        /// Of what.
        what: &'static str,
        /// The most.
        most: usize,
    },
    /// Brackets in brackets, or types in types.
    #[error(
        "this goes too deep: at most {} levels; make it flatter",
        super::limits::DEEPEST
    )]
    TooDeep,
    /// Types without an end.
    #[error(
        "some of its types mean each other in a circle; give each a meaning of its own, and a name used once"
    )]
    Circle,
    /// Bytes that are no text.
    #[error("the file is not UTF-8 text; save it as UTF-8")]
    NotText,
    /// A policy or the schema is not Cedar.
    #[error("this is not Cedar: {0}")]
    Syntax(String),
    /// The schema contradicts itself.
    #[error("the schema is not valid: {0}")]
    Schema(String),
    /// The schema cannot be filled with the facts there are.
    #[error(
        "the schema does not fit the facts portcullis gives: {0}; take the shipped schema and add nothing required to it"
    )]
    SchemaMismatch(String),
    /// A policy does not fit the schema.
    #[error("policy {policy} does not fit the schema: {told}")]
    Invalid {
        /// The policy.
        policy: String,
        /// Why, in Cedar's words.
        told: String,
    },
    /// A policy with slots: nothing ever fills them.
    #[error("templates are not used in a bundle; write the entities in place of {0}")]
    Template(String),
    /// Two policies of a file have one name.
    #[error("a second policy has @id({0:?}); give it a name of its own")]
    DuplicateId(String),
    /// A guardrail that permits.
    #[error("guardrails only forbid, and {0} permits; move it to ordinary/ or privileged/")]
    PermitInGuardrails(String),
    /// A policy that is never asked where it stands.
    #[error(
        "policy {policy} names no action that is asked in {folder}/: {asked}; move it or change its action"
    )]
    NeverAsked {
        /// The policy.
        policy: String,
        /// The folder it stands in.
        folder: &'static str,
        /// The actions asked there.
        asked: String,
    },
    /// `flows.toml` is not what it should be.
    #[error("this flow is not valid: {0}")]
    Flow(String),
}

/// Line and column, both from 1, of a byte offset; offsets past the end are the end.
fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before: String = text
        .char_indices()
        .take_while(|(place, _)| *place < offset)
        .map(|(_, character)| character)
        .collect();
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .map_or(0, |last| last.chars().count());
    (line, column + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters_from_one() {
        let text = "über\nzwei";
        assert_eq!(line_and_column(text, 0), (1, 1));
        assert_eq!(line_and_column(text, "übe".len()), (1, 4));
        assert_eq!(line_and_column(text, "über\n".len()), (2, 1));
        assert_eq!(line_and_column(text, 1_000), (2, 5));
    }
}
