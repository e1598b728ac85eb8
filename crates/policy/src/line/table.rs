//! The published truth table: the line asked about every combination, equal rows joined.

use std::fmt::Write as _;

use portcullis_model::{Amount, Disclosure, Environment, Impact, Path, Scope, Sensitivity};

use super::LineQuery;
use crate::bundle::Bundle;
use crate::circumstances::{amount, disclosure, scope};

/// One column: its heading, and the words for its values in their order.
struct Column {
    heading: &'static str,
    words: &'static [&'static str],
}

/// In this order rows are split, so the respects that settle most cases come first.
const COLUMNS: [Column; 10] = [
    Column {
        heading: "brokered",
        words: NO_YES,
    },
    Column {
        heading: "alters security",
        words: NO_YES,
    },
    Column {
        heading: "degrades service",
        words: NO_YES,
    },
    Column {
        heading: "discloses",
        words: &["none", "internal", "sensitive", "secret"],
    },
    Column {
        heading: "scope",
        words: &["none", "record", "object", "resource", "estate"],
    },
    Column {
        heading: "changes state",
        words: NO_YES,
    },
    Column {
        heading: "reversible",
        words: NO_YES,
    },
    Column {
        heading: "amount",
        words: &["none", "bounded", "unbounded"],
    },
    Column {
        heading: "environment",
        words: &["development", "staging", "production"],
    },
    Column {
        heading: "sensitivity",
        words: &["internal", "sensitive", "secret"],
    },
];

const NO_YES: &[&str] = &["no", "yes"];

/// The answers below one value of a column: the same for all, or still to be told apart.
#[derive(Clone, PartialEq, Eq)]
enum Answers {
    Always(Path),
    /// By the values of the column at this depth; equal ones joined.
    Split(Vec<(Vec<&'static str>, Answers)>),
}

pub(super) fn page(bundle: &Bundle) -> String {
    let mut rows = Vec::new();
    list(
        &answers(bundle, &mut Vec::new()),
        &mut Vec::new(),
        &mut rows,
    );
    let mut page = String::from("| ");
    for column in &COLUMNS {
        let _infallible = write!(page, "{} | ", column.heading);
    }
    page.push_str("path |\n|");
    page.push_str(&"---|".repeat(COLUMNS.len() + 1));
    page.push('\n');
    for row in rows {
        page.push_str(&row);
    }
    page
}

/// Asks about every combination that begins with these places.
fn answers(bundle: &Bundle, chosen: &mut Vec<usize>) -> Answers {
    let Some(column) = COLUMNS.get(chosen.len()) else {
        return Answers::Always(ask(bundle, chosen));
    };
    let mut groups: Vec<(Vec<&'static str>, Answers)> = Vec::new();
    for (place, word) in column.words.iter().enumerate() {
        chosen.push(place);
        let below = answers(bundle, chosen);
        chosen.pop();
        match groups.iter_mut().find(|(_, known)| *known == below) {
            Some((words, _)) => words.push(word),
            None => groups.push((vec![word], below)),
        }
    }
    match groups.as_slice() {
        [(_, Answers::Always(path))] => Answers::Always(*path),
        _ => Answers::Split(groups),
    }
}

fn list(answers: &Answers, words: &mut Vec<String>, rows: &mut Vec<String>) {
    match answers {
        Answers::Always(path) => {
            let open = COLUMNS.len() - words.len();
            let cells = words.iter().map(String::as_str).chain(vec!["any"; open]);
            let cells: Vec<&str> = cells.collect();
            let path = match path {
                Path::Ordinary => "**ordinary**",
                Path::Privileged => "privileged",
            };
            rows.push(format!("| {} | {path} |\n", cells.join(" | ")));
        }
        Answers::Split(groups) => {
            let all = COLUMNS
                .get(words.len())
                .map_or(0, |column| column.words.len());
            for (values, below) in groups {
                let any = values.len() == all;
                words.push(if any {
                    "any".to_owned()
                } else {
                    values.join(", ")
                });
                list(below, words, rows);
                words.pop();
            }
        }
    }
}

/// Asks about one combination; a place that no value has would be a worse value, so the worst stands in.
fn ask(bundle: &Bundle, chosen: &[usize]) -> Path {
    let word = |heading: &str| {
        let at = COLUMNS
            .iter()
            .position(|column| column.heading == heading)?;
        COLUMNS.get(at)?.words.get(*chosen.get(at)?).copied()
    };
    let yes = |heading| word(heading) != Some("no");
    let impact = Impact {
        changes_state: yes("changes state"),
        discloses: [
            Disclosure::None,
            Disclosure::Internal,
            Disclosure::Sensitive,
        ]
        .into_iter()
        .find(|known| word("discloses") == Some(disclosure(*known).0))
        .unwrap_or(Disclosure::Secret),
        amount: [Amount::None, Amount::Bounded]
            .into_iter()
            .find(|known| word("amount") == Some(amount(*known).0))
            .unwrap_or(Amount::Unbounded),
        alters_security: yes("alters security"),
        degrades_service: yes("degrades service"),
        reversible: word("reversible") == Some("yes"),
        scope: [Scope::None, Scope::Record, Scope::Object, Scope::Resource]
            .into_iter()
            .find(|known| word("scope") == Some(scope(*known).0))
            .unwrap_or(Scope::Estate),
    };
    bundle.line(&LineQuery {
        impact: &impact,
        brokered: yes("brokered"),
        environment: [Environment::Development, Environment::Staging]
            .into_iter()
            .find(|known| word("environment") == Some(known.as_str()))
            .unwrap_or(Environment::Production),
        sensitivity: [Sensitivity::Internal, Sensitivity::Sensitive]
            .into_iter()
            .find(|known| word("sensitivity") == Some(known.as_str()))
            .unwrap_or(Sensitivity::Secret),
    })
}
