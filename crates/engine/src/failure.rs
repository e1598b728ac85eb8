//! Why a use case did not happen, by cause: what a door turns into a status and an exit code.

use std::fmt;

use portcullis_flow::change::ChangeRefusal;
use portcullis_flow::grant::GrantRefusal;
use portcullis_flow::identity::IdentityRefusal;
use portcullis_flow::machine::FoldError;
use portcullis_flow::request::RequestRefusal;
use portcullis_flow::secret::RotationRefusal;
use portcullis_flow::session::{KeepingRefusal, RUN_KEY, SessionRefusal};
use portcullis_model::digest::CanonicalError;
use portcullis_model::event::EventError;
use portcullis_ports::{
    AppendError, AuthenticatorError, BlobError, BrokerError, ConnectorError, RotatorError,
    SealerError, StoreError, TileError,
};
use portcullis_vault::VaultError;

/// Why a use case did not happen. Whatever it is, nothing of it was written.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The caller has not proved who it is.
    #[error("{0}")]
    Unauthenticated(String),
    /// The caller may not, or not so.
    #[error("{message}")]
    Denied {
        /// For programs.
        code: &'static str,
        /// What happened and why.
        message: String,
        /// The next step: the narrowest request that would do.
        next: Option<String>,
    },
    /// What was asked makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// There is no such thing, or the caller may not know of it.
    #[error("there is no {0}")]
    NotFound(String),
    /// The thing is not in a state in which this can happen.
    #[error("{0}")]
    Conflict(String),
    /// Somebody else wrote to the same records at the same moment.
    #[error("somebody else changed this at the same moment: look at it again")]
    Raced,
    /// Something this depends on does not answer.
    #[error("{0}")]
    Unavailable(String),
    /// What is stored cannot be right.
    #[error("{0}")]
    Damaged(String),
}

impl Failure {
    /// A denial with the next step.
    pub fn denied(code: &'static str, message: impl Into<String>, next: impl Into<String>) -> Self {
        Self::Denied {
            code,
            message: message.into(),
            next: Some(next.into()),
        }
    }

    /// A thing that is not there.
    pub fn missing(what: &str, which: impl std::fmt::Display) -> Self {
        Self::NotFound(format!("{what} {which}"))
    }

    /// For programs: one word a cause.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unauthenticated(_) => "unauthenticated",
            Self::Denied { code, .. } => code,
            Self::Invalid(_) => "invalid",
            Self::NotFound(_) => "not_found",
            Self::Conflict(_) | Self::Raced => "conflict",
            Self::Unavailable(_) => "unavailable",
            Self::Damaged(_) => "damaged",
        }
    }

    /// The next step, when there is one to name.
    pub fn next(&self) -> Option<&str> {
        match self {
            Self::Denied { next, .. } => next.as_deref(),
            Self::Unauthenticated(_) => Some("portcullis login NAME"),
            Self::Damaged(_) => Some("run portcullis doctor on the server"),
            _ => None,
        }
    }
}

impl From<AppendError> for Failure {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Conflict { .. } => Self::Raced,
            AppendError::Claimed { scope, key } => match scope.as_str() {
                "name" => Self::Conflict(format!("the name {key} is taken")),
                "totp-step" => IdentityRefusal::CodeSpent.into(),
                // Which use it is, was read before somebody else made that one.
                "grant-use" => Self::Raced,
                RUN_KEY => Self::Conflict("this key was used for a run just now".to_owned()),
                "ssh-key" => Self::Conflict(format!("the key {key} is registered already")),
                _ => Self::Conflict(format!("{scope} {key} is used up")),
            },
            AppendError::Malformed(what) => Self::Damaged(what),
            AppendError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::InUse(_) => {
                Self::Unavailable(error.to_string())
            }
            StoreError::Damaged(_) | StoreError::Version { .. } => Self::Damaged(error.to_string()),
        }
    }
}

impl From<RequestRefusal> for Failure {
    fn from(refusal: RequestRefusal) -> Self {
        Self::of_request(&refusal, "req_…")
    }
}

impl Failure {
    /// What was refused of a request: what to do next names it.
    pub(crate) fn of_request(refusal: &RequestRefusal, request: impl fmt::Display) -> Self {
        let message = refusal.to_string();
        match refusal {
            RequestRefusal::Closed(_) | RequestRefusal::Changed | RequestRefusal::NotYet => {
                Self::Conflict(message)
            }
            RequestRefusal::NoApprover { .. } => Self::denied(
                "no_approver",
                message,
                "ask an owner who else could approve",
            ),
            RequestRefusal::OwnRequest => Self::denied(
                "own_request",
                message,
                format!("to take it back: portcullis requests cancel {request}"),
            ),
            RequestRefusal::SecondFactor => {
                Self::denied("second_factor", message, "portcullis login")
            }
            RequestRefusal::NotEligible(_) => Self::denied(
                "not_eligible",
                message,
                format!("whom it waits for now: portcullis requests show {request}"),
            ),
            RequestRefusal::Again | RequestRefusal::NotYours => Self::Denied {
                code: "not_eligible",
                message,
                next: None,
            },
        }
    }
}

impl From<GrantRefusal> for Failure {
    fn from(refusal: GrantRefusal) -> Self {
        let message = refusal.to_string();
        match refusal {
            GrantRefusal::NotActive(_) | GrantRefusal::Ended(_) => Self::Conflict(message),
            GrantRefusal::Over | GrantRefusal::Spent { .. } => {
                Self::denied("spent", message, "portcullis request … for another")
            }
            GrantRefusal::NotYet(_) => Self::denied("not_yet", message, "portcullis grants list"),
            GrantRefusal::WrongPath { .. } => {
                Self::denied("wrong_path", message, "portcullis request … on that path")
            }
            GrantRefusal::NotHolder => Self::denied(
                "not_eligible",
                message,
                "who may take it back uses: portcullis revoke … --reason TEXT",
            ),
            GrantRefusal::NotRevoker => Self::Denied {
                code: "not_eligible",
                message,
                next: None,
            },
        }
    }
}

impl From<ChangeRefusal> for Failure {
    fn from(refusal: ChangeRefusal) -> Self {
        let message = refusal.to_string();
        match refusal {
            ChangeRefusal::Closed(_) | ChangeRefusal::OtherDigest | ChangeRefusal::Unsigned(_) => {
                Self::Conflict(message)
            }
            ChangeRefusal::SecondFactor => {
                Self::denied("second_factor", message, "portcullis login")
            }
            ChangeRefusal::NotEligible(_) | ChangeRefusal::Again => Self::Denied {
                code: "not_eligible",
                message,
                next: None,
            },
        }
    }
}

impl From<IdentityRefusal> for Failure {
    fn from(refusal: IdentityRefusal) -> Self {
        match refusal {
            IdentityRefusal::NoKey(_) => Self::Invalid(refusal.to_string()),
            _ => Self::Unauthenticated(refusal.to_string()),
        }
    }
}

impl From<SessionRefusal> for Failure {
    fn from(refusal: SessionRefusal) -> Self {
        Self::Conflict(refusal.to_string())
    }
}

impl From<KeepingRefusal> for Failure {
    fn from(refusal: KeepingRefusal) -> Self {
        Self::Conflict(refusal.to_string())
    }
}

impl From<portcullis_policy::Refusal> for Failure {
    fn from(refusal: portcullis_policy::Refusal) -> Self {
        Self::Denied {
            code: "policy",
            message: refusal.to_string(),
            next: None,
        }
    }
}

impl From<ConnectorError> for Failure {
    fn from(error: ConnectorError) -> Self {
        match error {
            ConnectorError::Invalid(_) => Self::Invalid(error.to_string()),
            ConnectorError::Changed(_) => Self::Conflict(error.to_string()),
            ConnectorError::Unreachable { .. }
            | ConnectorError::Refused { .. }
            | ConnectorError::Permit(_) => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<RotatorError> for Failure {
    fn from(error: RotatorError) -> Self {
        match error {
            RotatorError::Invalid(_) => Self::Invalid(error.to_string()),
            RotatorError::Unreachable { .. }
            | RotatorError::Refused { .. }
            | RotatorError::Permit(_) => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<RotationRefusal> for Failure {
    fn from(refusal: RotationRefusal) -> Self {
        Self::Conflict(refusal.to_string())
    }
}

impl From<BrokerError> for Failure {
    fn from(error: BrokerError) -> Self {
        match error {
            BrokerError::Unreachable(_) => Self::Unavailable(error.to_string()),
            _ => Self::Invalid(error.to_string()),
        }
    }
}

impl From<AuthenticatorError> for Failure {
    fn from(error: AuthenticatorError) -> Self {
        Self::Invalid(error.to_string())
    }
}

macro_rules! by_cause {
    ($($cause:ident: $($error:ty),+;)+) => {$($(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::$cause(error.to_string())
            }
        }
    )+)+};
}

by_cause! {
    Invalid: SealerError, CanonicalError;
    Unavailable: BlobError, TileError;
    Damaged: EventError, FoldError, VaultError, portcullis_vault::SlotError,
        portcullis_vault::SshKeyError, portcullis_vault::AuthorityError,
        portcullis_policy::LeaseError, portcullis_policy::BundleError,
        portcullis_ledger::NoteError, portcullis_ledger::TreeError,
        portcullis_ledger::CheckpointError, portcullis_ledger::GatherError;
}
