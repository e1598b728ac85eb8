//! The terms of a request: everything its approvers see and bind.

use std::time::Duration;

use portcullis_flow::request::{Terms, Uses};
use portcullis_model::{Controls, Path, Timestamp};
use portcullis_policy::{Bundle, PolicyAction};

use crate::assessment::Assessment;
use crate::failure::Failure;

/// The longest a privileged grant lasts.
const LONGEST_PRIVILEGED: Duration = Duration::from_hours(12);

/// The longest an ordinary grant lasts.
const LONGEST_ORDINARY: Duration = Duration::from_hours(90 * 24);

/// How far ahead access can be asked for.
const FARTHEST_START: Duration = Duration::from_hours(30 * 24);

/// The most uses that are counted for one approval.
const MOST_USES: u32 = 100;

/// When access is to begin.
#[derive(Debug, Clone, Copy)]
pub enum Start {
    /// At a moment.
    At(Timestamp),
    /// So long from now.
    In(Duration),
}

/// When and how often access is wanted.
#[derive(Debug, Clone)]
pub struct Window {
    /// For how long.
    pub span: Duration,
    /// From when, where that is not the moment it is granted.
    pub start: Option<Start>,
    /// How often, where that is not as often as the action is usually done under one approval.
    pub uses: Option<Uses>,
}

impl Window {
    /// An ordinary one, from when it is granted.
    pub const fn of(span: Duration) -> Self {
        Self {
            span,
            start: None,
            uses: None,
        }
    }

    /// The moment of its start, where that is not the moment it is granted.
    fn starts_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.start.map(|start| match start {
            Start::At(moment) => moment,
            Start::In(span) => now.plus(span),
        })
    }

    fn fits(&self, path: Path, now: Timestamp) -> Result<(), Failure> {
        let longest = match path {
            Path::Ordinary => LONGEST_ORDINARY,
            Path::Privileged => LONGEST_PRIVILEGED,
        };
        let starts_at = self.starts_at(now);
        let refused = if self.span.is_zero() {
            "access for no time at all is none: say for how long".to_owned()
        } else if self.span > longest {
            let hours = longest.as_secs() / 3600;
            format!("access on the {path} path lasts up to {hours} hours: ask for less")
        } else if starts_at.is_some_and(|starts| starts < now) {
            "access cannot begin in the past: leave the start out, and it begins once granted"
                .to_owned()
        } else if starts_at.is_some_and(|starts| starts > now.plus(FARTHEST_START)) {
            let days = FARTHEST_START.as_secs() / 86_400;
            format!("access begins within {days} days, or is asked for later")
        } else {
            return Ok(());
        };
        Err(Failure::Invalid(refused))
    }
}

impl Assessment {
    /// The terms of a request, once policy allows it under a profile.
    pub(crate) fn terms(
        &self,
        bundle: &Bundle,
        path: Path,
        profile: Controls,
        window: &Window,
        now: Timestamp,
    ) -> Result<Terms, Failure> {
        let flow = bundle.flow_for(path, profile.approvals).ok_or_else(|| {
            Failure::Invalid(format!(
                "the bundle has no flow for level {} of the {path} path",
                profile.approvals
            ))
        })?;
        window.fits(path, now)?;
        Ok(Terms {
            intent: self.intent.clone(),
            digest: self.digest,
            path,
            classified: self.classified.clone(),
            effective: self.effective_view()?,
            profile,
            flow: flow.clone(),
            bundle: bundle.digest(),
            starts_at: window.starts_at(now),
            span_secs: window.span.as_secs(),
            uses: self.uses_wanted(window.uses)?,
        })
    }

    /// Uses are sessions: of what is assigned, or looked at, there are none to count.
    fn uses_wanted(&self, wanted: Option<Uses>) -> Result<Uses, Failure> {
        let counted = matches!(
            self.policy_action,
            PolicyAction::OpenSession | PolicyAction::RunTask
        );
        match wanted {
            None => Ok(self.uses),
            Some(_) if !counted => Err(Failure::Invalid(format!(
                "uses are counted of sessions and tasks; {} is held until its time is over",
                self.intent.action.name
            ))),
            Some(Uses::UpTo(0)) => Err(Failure::Invalid("no use at all is no access".to_owned())),
            Some(Uses::UpTo(1)) => Ok(Uses::One),
            Some(Uses::UpTo(most)) if most > MOST_USES => Err(Failure::Invalid(format!(
                "up to {MOST_USES} uses are counted for one approval: ask for fewer, or for any number"
            ))),
            Some(uses) => Ok(uses),
        }
    }
}
