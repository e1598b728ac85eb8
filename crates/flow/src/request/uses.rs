//! How often one approval may be used.

use serde::{Deserialize, Serialize};

/// How often an approval may be used. Each use is decided anew, and is a session with evidence of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Uses {
    /// Once: an exact command.
    One,
    /// Until the window ends, or a session is ended by logging out: a shell, an entitlement.
    Window,
    /// So many times: an exact command that was approved ahead, for a deployment or an incident.
    UpTo(u32),
    /// As often as wanted until the window ends.
    Any,
}

impl Uses {
    /// The most uses there can be, where they are counted.
    pub fn most(self) -> Option<u64> {
        match self {
            Self::One => Some(1),
            Self::UpTo(most) => Some(most.into()),
            Self::Window | Self::Any => None,
        }
    }

    /// Whether none is left after so many.
    pub fn are_spent(self, used: u64) -> bool {
        self.most().is_some_and(|most| used >= most)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn uses_are_written_as_they_always_were_and_counted_to_the_last() {
        for (uses, written, last) in [
            (Uses::One, r#""one""#, Some(1)),
            (Uses::Window, r#""window""#, None),
            (Uses::UpTo(5), r#"{"up_to":5}"#, Some(5)),
            (Uses::Any, r#""any""#, None),
        ] {
            assert_eq!(serde_json::to_string(&uses).unwrap(), written);
            assert_eq!(serde_json::from_str::<Uses>(written).unwrap(), uses);
            assert_eq!(uses.most(), last);
            if let Some(last) = last {
                assert!(!uses.are_spent(last - 1) && uses.are_spent(last));
            }
            assert!(last.is_some() || !uses.are_spent(u64::MAX));
        }
    }
}
