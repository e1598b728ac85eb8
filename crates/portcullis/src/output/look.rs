//! How what is printed will be looked at: by a person at a terminal, or by a program. Decided once.

use std::io::IsTerminal;
use std::sync::OnceLock;

use jiff::Timestamp;
use portcullis_ports::Clock;

use crate::args::Global;
use crate::server::SystemClock;

/// A way to show text, in the words of ECMA-48.
pub(super) type Style = &'static str;

pub(super) const BOLD: Style = "1";
const GREEN: Style = "32";
const YELLOW: Style = "33";
const RED: Style = "31";
const DIM: Style = "2";

/// The words that say how something stands.
const STATUSES: [(&str, Style); 16] = [
    ("active", GREEN),
    ("granted", GREEN),
    ("applied", GREEN),
    ("live", GREEN),
    ("pending", YELLOW),
    ("assigning", YELLOW),
    ("revoking", YELLOW),
    ("ending", YELLOW),
    ("denied", RED),
    ("refused", RED),
    ("voided", RED),
    ("revoked", DIM),
    ("cancelled", DIM),
    ("ended", DIM),
    ("expired", DIM),
    ("lapsed", DIM),
];

static LOOK: OnceLock<Look> = OnceLock::new();

/// What is known of whoever looks. To a program everything is plain, absolute and as wide as it is.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// What time it is to them.
    pub(super) now: Option<Timestamp>,
    /// How many columns they see.
    pub(super) width: Option<u16>,
    colours: bool,
}

/// Finds out, before anything is printed.
pub(crate) fn prepare(global: &Global) {
    let stdout = std::io::stdout();
    if global.json || !stdout.is_terminal() {
        return;
    }
    let now = SystemClock::new().now().as_millis();
    let now = i64::try_from(now).ok();
    let width = rustix::termios::tcgetwinsize(&stdout).ok();
    let look = Look {
        now: now.and_then(|millis| Timestamp::from_millisecond(millis).ok()),
        width: width.map(|size| size.ws_col).filter(|columns| *columns > 0),
        colours: !(global.no_color || global.around.no_color || global.around.dumb),
    };
    // It is prepared once.
    let _ = LOOK.set(look);
}

/// What was found out.
pub(super) fn look() -> &'static Look {
    LOOK.get_or_init(Look::default)
}

impl Look {
    /// Text in a style, for who sees styles.
    pub(super) fn paint(&self, style: Style, text: &str) -> String {
        if self.colours {
            format!("\u{1b}[{style}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    /// A line whose first word that says how something stands is shown as such.
    pub(super) fn status_in(&self, line: &str) -> String {
        let found = line.split(' ').find_map(|word| {
            let known = STATUSES.iter().find(|(status, _)| *status == word);
            known.map(|(status, style)| (*status, *style))
        });
        let Some((status, style)) = found.filter(|_| self.colours) else {
            return line.to_owned();
        };
        let mut painted = false;
        let words = line.split(' ').map(|word| {
            if word == status && !painted {
                painted = true;
                return self.paint(style, word);
            }
            word.to_owned()
        });
        words.collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_status_of_a_line_is_coloured_and_no_width_changes() {
        let seen = Look {
            colours: true,
            ..Look::default()
        };
        assert_eq!(
            seen.status_in("req_1  pending  rosa  pending"),
            "req_1  \u{1b}[33mpending\u{1b}[0m  rosa  pending"
        );
        assert_eq!(seen.status_in("req_1  else"), "req_1  else");
    }

    #[test]
    fn a_program_sees_no_colours() {
        let plain = Look::default();
        assert_eq!(plain.status_in("req_1  pending"), "req_1  pending");
        assert_eq!(plain.paint(BOLD, "ID"), "ID");
    }
}
