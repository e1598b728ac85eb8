//! The terms of a request: everything its approvers see and bind.

use std::time::Duration;

use portcullis_flow::request::Terms;
use portcullis_model::{Controls, Path};
use portcullis_policy::Bundle;

use crate::assessment::Assessment;
use crate::failure::Failure;

/// The longest a privileged grant lasts.
const LONGEST_PRIVILEGED: Duration = Duration::from_hours(12);

/// The longest an ordinary grant lasts.
const LONGEST_ORDINARY: Duration = Duration::from_hours(90 * 24);

impl Assessment {
    /// The terms of a request, once policy allows it under a profile.
    pub(crate) fn terms(
        &self,
        bundle: &Bundle,
        path: Path,
        profile: Controls,
        span: Duration,
    ) -> Result<Terms, Failure> {
        let flow = bundle.flow_for(path, profile.approvals).ok_or_else(|| {
            Failure::Invalid(format!(
                "the bundle has no flow for level {} of the {path} path",
                profile.approvals
            ))
        })?;
        let longest = match path {
            Path::Ordinary => LONGEST_ORDINARY,
            Path::Privileged => LONGEST_PRIVILEGED,
        };
        if span.is_zero() {
            return Err(Failure::Invalid(
                "access for no time at all is none: say for how long".to_owned(),
            ));
        }
        if span > longest {
            let hours = longest.as_secs() / 3600;
            return Err(Failure::Invalid(format!(
                "access on the {path} path lasts up to {hours} hours: ask for less"
            )));
        }
        Ok(Terms {
            intent: self.intent.clone(),
            digest: self.digest,
            path,
            classified: self.classified.clone(),
            effective: self.effective_view()?,
            profile,
            flow: flow.clone(),
            bundle: bundle.digest(),
            span_secs: span.as_secs(),
            uses: self.uses,
        })
    }
}
