//! One session channel as pure state: what a client says before something runs, and how it ended.

use portcullis_model::Action;
use portcullis_ports::control::{CloseCause, Closing, RUN_KEY_VARIABLE};
use portcullis_wire::ssh::{ExitSignal, FrontInput, Start, Terminal};

use super::limits::{RUN_KEY_BYTES, VARIABLE_BYTES, VARIABLES};
use super::parse;

/// What a client said so far.
#[derive(Debug, Default)]
pub struct Setup {
    terminal: Option<Terminal>,
    variables: Vec<(String, String)>,
    variable_bytes: usize,
    key: Option<String>,
}

/// Everything there is to know before something runs.
#[derive(Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The terminal, when one was asked for.
    pub terminal: Option<Terminal>,
    /// Variables to pass on, in order.
    pub variables: Vec<(String, String)>,
    /// What to run.
    pub start: Start,
    /// The same as an action.
    pub action: Action,
    /// The client's own name for this run.
    pub key: Option<String>,
}

impl Wanted {
    /// A task runs in the place of what the client typed: no terminal, no variables, its own command. Says what of the
    /// client's is withheld.
    pub fn become_task(&mut self, command: &str) -> String {
        let terminal = self.terminal.take().map(|_| "the terminal".to_owned());
        let variables = std::mem::take(&mut self.variables);
        let variables = variables.into_iter().map(|(name, _)| name);
        self.start = Start::Exec(command.as_bytes().to_vec());
        let withheld: Vec<_> = terminal.into_iter().chain(variables).collect();
        withheld.join(", ")
    }
}

/// Where a channel stands.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing is to be run yet.
    More,
    /// Something is.
    Start(Wanted),
    /// It cannot be run, for this reason.
    Refuse(String),
}

impl Setup {
    /// Takes what a client said on a channel of this account.
    pub fn take(&mut self, input: FrontInput, account: &str) -> Step {
        match input {
            FrontInput::Terminal(terminal) => self.terminal = Some(terminal),
            FrontInput::Variable { name, value } => return self.variable(name, value),
            FrontInput::Resize(size) => {
                if let Some(terminal) = &mut self.terminal {
                    terminal.size = size;
                }
            }
            FrontInput::Start(start) => return self.start(start, account),
            // There is nothing yet that could read or be signalled.
            FrontInput::Data(_) | FrontInput::Signal(_) | FrontInput::Eof => {}
        }
        Step::More
    }

    fn variable(&mut self, name: String, value: String) -> Step {
        self.variable_bytes = self
            .variable_bytes
            .saturating_add(name.len())
            .saturating_add(value.len());
        if name == RUN_KEY_VARIABLE {
            return self.name_run(value);
        }
        if self.variables.len() >= VARIABLES || self.variable_bytes > VARIABLE_BYTES {
            return Step::Refuse("too many environment variables; see SendEnv of ssh".to_owned());
        }
        self.variables.push((name, value));
        Step::More
    }

    /// It says which run this is, and is no variable of the program's.
    fn name_run(&mut self, key: String) -> Step {
        if !(1..=RUN_KEY_BYTES).contains(&key.len()) {
            return Step::Refuse(format!(
                "{RUN_KEY_VARIABLE} names a run in 1 to {RUN_KEY_BYTES} bytes"
            ));
        }
        self.key = Some(key);
        Step::More
    }

    fn start(&mut self, start: Start, account: &str) -> Step {
        let action = match &start {
            Start::Shell => parse::shell(account),
            Start::Exec(command) => match std::str::from_utf8(command) {
                Ok(command) => match parse::check_command(command) {
                    Ok(()) => parse::exec(account, command),
                    Err(reason) => return Step::Refuse(reason.to_owned()),
                },
                Err(_) => {
                    return Step::Refuse(
                        "the command is not UTF-8, so nobody could have approved it".to_owned(),
                    );
                }
            },
        };
        Step::Start(Wanted {
            terminal: self.terminal.take(),
            variables: std::mem::take(&mut self.variables),
            start,
            action,
            key: self.key.take(),
        })
    }
}

/// What passed through a session.
#[derive(Debug, Default)]
pub struct Tally {
    /// Bytes to the target.
    pub bytes_in: u64,
    /// Bytes to the client.
    pub bytes_out: u64,
    /// The program's exit status.
    pub exit: Option<u32>,
    /// The signal that ended it.
    pub signal: Option<ExitSignal>,
}

impl Tally {
    /// A program that was seen to end is complete, even when the client did not wait to be told.
    pub fn settle(&self, cause: CloseCause) -> CloseCause {
        let ended = self.exit.is_some() || self.signal.is_some();
        match cause {
            CloseCause::ClientLost if ended => CloseCause::Completed,
            cause => cause,
        }
    }

    /// What to tell control.
    pub fn closing(&self, cause: CloseCause) -> Closing {
        Closing {
            cause,
            exit: self.exit,
            signal: self.signal.as_ref().map(|signal| signal.name.clone()),
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
        }
    }
}

/// Why a session ended, in words for the person at the client.
pub fn words(cause: &CloseCause) -> String {
    match cause {
        CloseCause::Completed => "the program ended".to_owned(),
        CloseCause::ClientLost => "the client went away".to_owned(),
        CloseCause::TargetLost { detail } => detail.clone(),
        CloseCause::Idle => "nothing moved for too long".to_owned(),
        CloseCause::TimeOver => "its time is over; ask for a new grant".to_owned(),
        CloseCause::Killed { reason } => format!("killed: {reason}"),
        CloseCause::EvidenceFailed { detail } => {
            format!("the recording failed ({detail}), and nothing happens unrecorded")
        }
        CloseCause::ControlLost => "control fell silent; try again later".to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::panic, reason = "tests")]
mod tests {
    use bytes::Bytes;
    use portcullis_wire::ssh::TerminalSize;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_client_that_leaves_after_the_end_leaves_a_task_complete_and_before_it_does_not() {
        let mut tally = Tally::default();
        assert_eq!(tally.settle(CloseCause::ClientLost), CloseCause::ClientLost);
        tally.exit = Some(1);
        assert_eq!(tally.settle(CloseCause::ClientLost), CloseCause::Completed);
        assert_eq!(tally.settle(CloseCause::Idle), CloseCause::Idle);
    }

    fn exec(command: &[u8]) -> FrontInput {
        FrontInput::Start(Start::Exec(command.to_vec()))
    }

    #[test]
    fn a_command_becomes_the_action_a_request_would_name() {
        let step = Setup::default().take(exec(b"uname -a"), "root");
        let Step::Start(wanted) = step else {
            panic!("{step:?}");
        };
        assert_eq!(wanted.action, parse::exec("root", "uname -a"));
    }

    #[test]
    fn what_nobody_could_have_approved_is_refused() {
        for command in [&b""[..], b" ", b"a\0b", b"\xff"] {
            let step = Setup::default().take(exec(command), "root");
            assert!(matches!(step, Step::Refuse(_)), "{command:?}: {step:?}");
        }
    }

    #[test]
    fn the_name_of_a_run_goes_to_control_and_to_no_program() {
        let named = |key: &str| {
            let mut setup = Setup::default();
            let variable = FrontInput::Variable {
                name: RUN_KEY_VARIABLE.to_owned(),
                value: key.to_owned(),
            };
            match setup.take(variable, "root") {
                Step::More => setup.take(exec(b"uname"), "root"),
                refused => refused,
            }
        };
        let longest = "k".repeat(RUN_KEY_BYTES);
        for key in ["deploy-7", &longest] {
            let Step::Start(wanted) = named(key) else {
                panic!("{key} names a run");
            };
            assert_eq!(wanted.key.as_deref(), Some(key));
            assert_eq!(wanted.variables, Vec::new());
        }
        for key in ["", &(longest + "k")] {
            assert!(matches!(named(key), Step::Refuse(_)), "{key}");
        }
    }

    #[test]
    fn the_terminal_starts_with_the_size_it_has_by_then() {
        let mut setup = Setup::default();
        let size = |columns| TerminalSize {
            columns,
            ..TerminalSize::default()
        };
        setup.take(
            FrontInput::Terminal(Terminal::new("xterm", size(80))),
            "root",
        );
        setup.take(FrontInput::Resize(size(132)), "root");
        let Step::Start(wanted) = setup.take(FrontInput::Start(Start::Shell), "root") else {
            panic!("a shell was asked for");
        };
        assert_eq!(
            wanted.terminal.map(|terminal| terminal.size),
            Some(size(132))
        );
    }

    fn any_input() -> impl Strategy<Value = FrontInput> {
        prop_oneof![
            any::<u32>().prop_map(|columns| FrontInput::Terminal(Terminal::new(
                "xterm",
                TerminalSize {
                    columns,
                    ..TerminalSize::default()
                }
            ))),
            ("[A-Z]{1,8}", ".{0,600}")
                .prop_map(|(name, value)| FrontInput::Variable { name, value }),
            any::<u32>().prop_map(|rows| FrontInput::Resize(TerminalSize {
                rows,
                ..TerminalSize::default()
            })),
            Just(FrontInput::Data(Bytes::from_static(b"x"))),
            Just(FrontInput::Signal("TERM".to_owned())),
            Just(FrontInput::Eof),
        ]
    }

    proptest! {
        #[test]
        fn nothing_runs_before_it_was_asked_for_and_what_is_kept_is_bounded(
            inputs in prop::collection::vec(any_input(), 0..80),
            command in "[ -~]{0,20}",
        ) {
            let mut setup = Setup::default();
            for input in inputs {
                match setup.take(input, "root") {
                    Step::More => {}
                    Step::Refuse(_) => return Ok(()),
                    Step::Start(wanted) => panic!("{wanted:?}"),
                }
                prop_assert!(setup.variables.len() <= VARIABLES);
                prop_assert!(setup.variable_bytes <= VARIABLE_BYTES);
            }
            match setup.take(exec(command.as_bytes()), "root") {
                Step::Start(wanted) => prop_assert_eq!(wanted.action, parse::exec("root", &command)),
                Step::Refuse(_) => prop_assert!(command.trim().is_empty()),
                Step::More => panic!("a command was given"),
            }
        }
    }
}
