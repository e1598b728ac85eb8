//! How a command ended, and how that becomes an exit code and words on standard error.

use std::process::ExitCode;

use crate::client::ApiError;
use crate::output;

/// How a command that ran ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It did what it was told.
    Done,
    /// Somebody refused.
    Denied,
    /// Somebody else has to act first.
    Pending,
    /// A program it ran ended with this code.
    Program(u8),
}

const FAILED: u8 = 1;
const USAGE: u8 = 2;
const DENIED: u8 = 3;
const PENDING: u8 = 4;

/// As shells count an end by SIGPIPE.
const UNHEARD: u8 = 141;

impl Outcome {
    /// The exit code.
    pub(crate) fn code(self) -> ExitCode {
        match self {
            Self::Done => ExitCode::SUCCESS,
            Self::Denied => ExitCode::from(DENIED),
            Self::Pending => ExitCode::from(PENDING),
            Self::Program(code) => ExitCode::from(code),
        }
    }
}

/// The words were right and made no sense together: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// It cannot go on, and this is what to do about it: exit code 1.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub(crate) struct Stuck {
    /// What happened, and why.
    pub(crate) what: String,
    /// The next step.
    pub(crate) next: String,
}

/// Says that the words make no command, in JSON if they ask for it; or shows the help that they ask for.
pub(crate) fn misspoken(error: &clap::Error) -> ExitCode {
    let code = u8::try_from(error.exit_code()).unwrap_or(USAGE);
    let words = std::env::args_os().take_while(|word| word != "--");
    let json = error.use_stderr() && words.into_iter().any(|word| word == "--json");
    let told = if json {
        let told = error.to_string();
        let detail = told.split("\n\nUsage:").next().unwrap_or(&told);
        let detail = detail.trim_start_matches("error: ").trim();
        output::json_note(&serde_json::json!({
            "code": "usage", "detail": detail, "next": "see the same with --help",
        }))
    } else {
        error.print().map_err(Into::into)
    };
    // Nobody is left to tell when standard error is gone.
    drop(told);
    ExitCode::from(code)
}

/// Says what happened, why, and the next step; returns the exit code.
pub(crate) fn report(error: &anyhow::Error, json: bool) -> ExitCode {
    if is_unheard(error) {
        return ExitCode::from(UNHEARD);
    }
    let problem = error.downcast_ref::<ApiError>();
    let code = match problem {
        Some(ApiError::Problem(problem)) if problem.status == 403 => DENIED,
        Some(ApiError::Problem(problem)) if matches!(problem.status, 400 | 422) => USAGE,
        _ if error.is::<Usage>() => USAGE,
        _ => FAILED,
    };
    let chain: Vec<String> = error.chain().map(ToString::to_string).collect();
    let next = next_step(error);
    // What the server says may tell of what others wrote.
    let written = if json {
        let word = match problem {
            Some(ApiError::Problem(problem)) => problem.code.as_str(),
            Some(ApiError::Unreachable { .. }) => "unreachable",
            None if code == USAGE => "usage",
            None => "failed",
        };
        let value = serde_json::json!({ "code": word, "detail": chain.join(": "), "next": next });
        output::json_note(&value)
    } else {
        // Of several lines the first alone begins where ours do: what others wrote forges no line.
        let further_in = |text: &str| text.replace('\n', "\n  ");
        let next = next
            .map(|next| format!("\nnext: {}", further_in(next)))
            .unwrap_or_default();
        let chain = further_in(&chain.join(": "));
        output::note(format!("portcullis: {chain}{next}"))
    };
    // Nobody is left to tell when standard error is gone.
    drop(written);
    ExitCode::from(code)
}

/// Whether nobody reads any more what is printed (`portcullis … | head`): no mistake, and nothing to say.
fn is_unheard(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

fn next_step(error: &anyhow::Error) -> Option<&str> {
    match error.downcast_ref::<ApiError>() {
        Some(ApiError::Problem(problem)) => problem.next.as_deref(),
        Some(ApiError::Unreachable { next, .. }) => Some(next),
        None => error
            .downcast_ref::<Stuck>()
            .map(|stuck| stuck.next.as_str()),
    }
}
