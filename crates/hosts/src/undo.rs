//! The way back: from what was kept at the host when it was brought in, and from what is there now.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis_model::Digest;

use crate::KEPT;
use crate::act::Act;
use crate::ask::{Answer, Ask};
use crate::known::Known;

/// What was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The steps, as they were kept: exactly these go on where they were interrupted.
    text: String,
    acts: Vec<Act>,
    is_finished: bool,
}

/// How to undo it, and what stands against that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WayBack {
    /// The steps.
    pub acts: Vec<Act>,
    /// Why it cannot be done, each with what to do about it.
    pub against: Vec<String>,
}

impl Record {
    /// What the host keeps of its being brought in; nothing if it was not, and no steps if it was interrupted before the
    /// first. An error is a record that cannot be read.
    pub fn of(known: &Known) -> Result<Option<Self>, String> {
        let path = plan_path();
        match known.answer(&Ask::File(path.clone())) {
            None | Some(Answer::Absent) => {
                let begun = known.answer(&Ask::Folder(KEPT.to_owned()));
                let is_there = matches!(begun, Some(Answer::Text(_)));
                Ok(is_there.then(|| Self {
                    text: String::new(),
                    acts: Vec::new(),
                    is_finished: false,
                }))
            }
            _ => {
                let text = known
                    .file(&path)
                    .and_then(|bytes| std::str::from_utf8(bytes).ok());
                let is_finished = known.file(&finished_path()).is_some();
                let record = text.and_then(|text| Self::read(text, is_finished));
                record.map(Some).ok_or_else(|| {
                    format!("{path} at the host cannot be read: what was done there is to be undone by hand")
                })
            }
        }
    }

    fn read(text: &str, is_finished: bool) -> Option<Self> {
        let acts: Option<Vec<_>> = text.lines().map(read_step).collect();
        Some(Self {
            text: text.to_owned(),
            acts: acts?,
            is_finished,
        })
    }

    /// Whether nothing was to be done yet.
    pub const fn is_empty(&self) -> bool {
        self.acts.is_empty()
    }

    /// Whether it was done to its end.
    pub const fn is_finished(&self) -> bool {
        self.is_finished
    }

    /// Whether a step is one of it.
    pub(crate) fn has(&self, wanted: &Act) -> bool {
        self.acts.iter().any(|act| match (act, wanted) {
            (Act::Account(one), Act::Account(other)) => one == other,
            (
                Act::Put { path, content, .. },
                Act::Put {
                    path: other,
                    content: wanted,
                    ..
                },
            ) => path == other && content == wanted,
            _ => false,
        })
    }

    /// What was to be done, from the beginning: what is done already is found to be.
    pub fn again(&self, known: &Known) -> Vec<Act> {
        let mut acts = vec![Act::Begin(self.text.clone())];
        // The process may be another by now, or one that has to be told where none had.
        let steps = self
            .acts
            .iter()
            .filter(|act| !matches!(act, Act::Reload(_)));
        for act in steps.cloned() {
            let reload = (act == Act::Check).then(|| known.reload()).flatten();
            acts.push(act);
            acts.extend(reload);
        }
        acts
    }

    /// The way back.
    pub fn undone(&self, known: &Known) -> WayBack {
        let mut way = WayBack {
            acts: Vec::new(),
            against: Vec::new(),
        };
        for act in self.acts.iter().rev() {
            if let Act::Put {
                number,
                path,
                before,
                content,
                ..
            } = act
            {
                way.back(known, *number, path, *before, content);
            }
        }
        // Also where the files are back already: sshd may not have read them.
        if self.acts.iter().any(|act| matches!(act, Act::Put { .. })) {
            way.acts.push(Act::Check);
            way.acts.extend(known.reload());
            way.against.extend(known.no_sshd());
        }
        for act in self.acts.iter().rev() {
            if let Act::Account(name) = act {
                way.acts.push(Act::Unaccount(name.clone()));
            }
        }
        way.acts.push(Act::Forget);
        way
    }
}

impl WayBack {
    fn back(
        &mut self,
        known: &Known,
        number: usize,
        path: &str,
        before: Option<Digest>,
        ours: &str,
    ) {
        let now = known.file(path);
        let is = now.map(Digest::of_bytes);
        let made = Digest::of_bytes(ours.as_bytes());
        match (is, now) {
            (Some(now), _) if now == made => self.acts.push(Act::Back {
                number,
                path: path.to_owned(),
                before,
                now,
            }),
            // It was never done, or somebody did this much already.
            _ if is == before => {}
            (Some(_), Some(_)) if before.is_none() => self.against.push(format!(
                "{path} was made here and changed by others since: see what they wrote, remove it, and undo again"
            )),
            (Some(now), Some(bytes)) => {
                let kept = known.file(&format!("{KEPT}/{number}.before"));
                match without_ours(bytes, kept, ours) {
                    Ours::None => {}
                    Ours::Once(content) => self.acts.push(Act::Edit {
                        path: path.to_owned(),
                        now,
                        content,
                    }),
                    Ours::Unclear => self.against.push(format!(
                        "{path} was changed by others since, and what is ours in it cannot be told: take it out, and undo again"
                    )),
                }
            }
            _ => self.against.push(format!(
                "{path} was there before, and is gone or no file now: put it back from {KEPT}/{number}.before"
            )),
        }
    }
}

/// What stands of ours in a file that others changed.
enum Ours {
    /// Nothing any more.
    None,
    /// Once: this is left of the file without it.
    Once(String),
    /// It cannot be told.
    Unclear,
}

/// Looks for the lines that were added to a file.
fn without_ours(now: &[u8], before: Option<&[u8]>, ours: &str) -> Ours {
    let text = |bytes| std::str::from_utf8(bytes).ok();
    let (Some(now), Some(before)) = (text(now), before.and_then(text)) else {
        return Ours::Unclear;
    };
    let Some(added) = added(before, ours) else {
        return Ours::Unclear;
    };
    let Some((ahead, behind)) = now.split_once(added) else {
        let words = |line: &str| {
            line.split_whitespace()
                .take(2)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let ours: Vec<_> = added.lines().map(words).collect();
        // Written otherwise, it is there all the same.
        return if now.lines().any(|line| ours.contains(&words(line))) {
            Ours::Unclear
        } else {
            Ours::None
        };
    };
    if (ahead.is_empty() || ahead.ends_with('\n')) && !behind.contains(added) {
        Ours::Once(format!("{ahead}{behind}"))
    } else {
        Ours::Unclear
    }
}

/// What was added to a text at its beginning or its end.
fn added<'a>(before: &str, after: &'a str) -> Option<&'a str> {
    let added = after.strip_suffix(before).or_else(|| {
        let behind = after.strip_prefix(before)?;
        Some(behind.trim_start_matches('\n'))
    })?;
    (!added.is_empty()).then_some(added)
}

fn finished_path() -> String {
    format!("{KEPT}/finished")
}

fn plan_path() -> String {
    format!("{KEPT}/plan")
}

/// What is kept beside the plan, to be asked for.
pub(crate) fn asks(known: &Known) -> Vec<Ask> {
    let mut asks = vec![
        Ask::Folder(KEPT.to_owned()),
        Ask::File(plan_path()),
        Ask::File(finished_path()),
    ];
    if let Ok(Some(record)) = Record::of(known) {
        for act in record.acts {
            if let Act::Put { number, path, .. } = act {
                asks.push(Ask::File(path));
                asks.push(Ask::File(format!("{KEPT}/{number}.before")));
            }
        }
    }
    asks
}

/// Reads a step of a plan.
fn read_step(line: &str) -> Option<Act> {
    let words: Vec<_> = line.split(' ').collect();
    match words.as_slice() {
        ["account", name] => Some(Act::Account((*name).to_owned())),
        ["put", number, path, before, after, mode, content] => {
            let content = text(content)?;
            let made: Digest = after.parse().ok()?;
            (made == Digest::of_bytes(content.as_bytes())).then_some(())?;
            let before = match *before {
                "absent" => None,
                digest => Some(digest.parse().ok()?),
            };
            Some(Act::Put {
                number: number.parse().ok()?,
                path: text(path)?,
                before,
                mode: u32::from_str_radix(mode, 8).ok()?,
                added: content.clone(),
                content,
            })
        }
        ["check"] => Some(Act::Check),
        ["finish"] => Some(Act::Finish),
        ["reload", process] => Some(Act::Reload(process.parse().ok()?)),
        _ => None,
    }
}

fn text(encoded: &str) -> Option<String> {
    String::from_utf8(STANDARD.decode(encoded).ok()?).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::known::tests::known;

    const CONFIG: &str = "/etc/ssh/sshd_config";
    const CA: &str = "/etc/ssh/portcullis_ca.pub";
    const BEFORE: &str = "Port 22\n";
    const AFTER: &str = "TrustedUserCAKeys /x\nPort 22\n";

    fn put(number: usize, path: &str, before: Option<&str>, content: &str) -> Act {
        Act::Put {
            number,
            path: path.to_owned(),
            before: before.map(|text| Digest::of_bytes(text.as_bytes())),
            mode: 0o644,
            content: content.to_owned(),
            added: content.to_owned(),
        }
    }

    fn plan() -> Vec<Act> {
        vec![
            Act::Account("ops".to_owned()),
            put(1, CA, None, "ours\n"),
            put(2, CONFIG, Some(BEFORE), AFTER),
            Act::Check,
            Act::Reload(7),
            Act::Finish,
        ]
    }

    fn host(ca: Option<&str>, config: &str) -> Known {
        let text = Act::text(&plan());
        let before = format!("{KEPT}/2.before");
        let mut told = vec![
            (Ask::File(plan_path()), text.as_str()),
            (Ask::File(CONFIG.to_owned()), config),
            (Ask::File(before), BEFORE),
            (Ask::Listeners, "own 9 sshd: /usr/sbin/sshd -D [listener] 0"),
        ];
        told.extend(ca.map(|ca| (Ask::File(CA.to_owned()), ca)));
        known(&told)
    }

    #[test]
    fn what_was_kept_is_what_was_planned() {
        let record = Record::of(&host(None, BEFORE)).unwrap().unwrap();
        assert_eq!(record.acts, plan());
        assert_eq!(Record::of(&known(&[])), Ok(None));
        let again = record.again(&host(None, BEFORE));
        assert_eq!(again.first(), Some(&Act::Begin(Act::text(&plan()))));
        assert!(again.contains(&Act::Reload(9)) && !record.is_finished());
    }

    #[test]
    fn what_was_interrupted_before_the_first_step_is_begun_and_nothing_else() {
        let seen = known(&[(Ask::Folder(KEPT.to_owned()), "plan.new")]);
        let record = Record::of(&seen).unwrap().unwrap();
        assert!(record.is_empty());
        assert_eq!(record.undone(&seen).acts, [Act::Forget]);
    }

    #[test]
    fn a_record_that_was_cut_or_altered_is_not_followed() {
        let whole = Act::text(&plan());
        let altered = whole.replace(&STANDARD.encode("ours\n"), &STANDARD.encode("mine\n"));
        assert_ne!(altered, whole);
        let cut = whole.get(..whole.len() / 2).unwrap().to_owned();
        for text in [altered, cut, "sing\n".to_owned(), "\u{0}".to_owned()] {
            let seen = known(&[(Ask::File(plan_path()), &text)]);
            assert!(Record::of(&seen).is_err(), "{text:?}");
        }
    }

    fn way(ca: Option<&str>, config: &str) -> WayBack {
        let seen = host(ca, config);
        Record::of(&seen).unwrap().unwrap().undone(&seen)
    }

    #[test]
    fn everything_goes_back_in_the_reverse_order() {
        let way = way(Some("ours\n"), AFTER);
        assert!(way.against.is_empty());
        let told: Vec<_> = way.acts.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "put /etc/ssh/sshd_config back as it was",
                "remove /etc/ssh/portcullis_ca.pub",
                "ask sshd whether it would start so",
                "have sshd (process 9) read it; sessions stay",
                "remove the account ops",
                "remove /var/lib/portcullis-enrolment",
            ]
        );
    }

    #[test]
    fn what_was_never_done_is_not_undone() {
        let way = way(None, BEFORE);
        let unaccount = Act::Unaccount("ops".to_owned());
        assert_eq!(
            way.acts,
            [Act::Check, Act::Reload(9), unaccount, Act::Forget]
        );
    }

    #[test]
    fn a_file_that_others_wrote_anew_without_our_lines_is_left_alone() {
        let way = way(Some("ours\n"), "Port 24\n");
        assert!(way.against.is_empty(), "{:?}", way.against);
        let touched = way.acts.iter().any(
            |act| matches!(act, Act::Edit { path, .. } | Act::Back { path, .. } if path == CONFIG),
        );
        assert!(!touched, "{:?}", way.acts);
    }

    #[test]
    fn what_others_wrote_since_stays() {
        let way = way(Some("ours\n"), &format!("# theirs\n{AFTER}Port 23\n"));
        assert!(way.against.is_empty());
        let edited = way.acts.iter().find_map(|act| match act {
            Act::Edit { content, .. } => Some(content.as_str()),
            _ => None,
        });
        assert_eq!(edited, Some("# theirs\nPort 22\nPort 23\n"));
    }

    #[test]
    fn what_cannot_be_told_apart_is_left_to_people() {
        let twice = format!("{AFTER}{AFTER}");
        for (ca, config) in [
            (Some("ours\n"), twice.as_str()),
            (Some("ours\n"), "TrustedUserCAKeys   /x # theirs\nPort 22\n"),
            (Some("ours\nmore\n"), AFTER),
        ] {
            assert_eq!(way(ca, config).against.len(), 1, "{config:?}");
        }
    }

    #[test]
    fn what_was_added_is_found_at_the_beginning_and_at_the_end() {
        assert_eq!(added("a\n", "x\na\n"), Some("x\n"));
        assert_eq!(added("a\n", "a\nx\n"), Some("x\n"));
        assert_eq!(added("a", "a\nx\n"), Some("x\n"));
        assert_eq!(added("", "x\n"), Some("x\n"));
        assert_eq!(added("a", "b"), None);
    }
}
