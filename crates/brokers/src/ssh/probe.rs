//! A look at a host before a task is declared there or runs: one constant command of ours as the task's account,
//! whose answer is read strictly. The program's path is data on its input.
//!
//! It is no proof against an account that is hostile already, whose shell could answer in its place: what it shows is
//! that the account cannot become so.

use std::collections::BTreeSet;
use std::time::Duration;

use portcullis_model::{Digest, Resource, Secret, Sighting};
use portcullis_ports::BrokerError;
use portcullis_ports::control::TargetCredential;
use portcullis_wire::ssh::{Ran, StreamLimits, run};

use super::settings::Settings;
use super::target::destination;

/// Asks everything. The account's login shell reads it, whatever that is, and hands it to the system's own.
const LOOK: &str = concat!("exec /bin/sh -c '", include_str!("probe.sh"), "'");

/// Each of connecting, signing in and looking.
const PATIENCE: Duration = Duration::from_secs(10);

/// Nothing large is said in either direction.
const LIMITS: StreamLimits = StreamLimits {
    window: 64 << 10,
    soft: 64 << 10,
    hard: 1 << 20,
    before_sign_in: 256 << 10,
};

/// Goes there and looks.
pub async fn look(
    resource: &Resource,
    account: &str,
    program: &str,
    credential: TargetCredential,
) -> Result<Sighting, BrokerError> {
    let settings = Settings::of(resource)?;
    let name = &resource.name;
    let unreachable =
        |cause: String| BrokerError::Unreachable(format!("{name} cannot be looked at: {cause}"));
    let there = destination(
        settings.address,
        &settings.host_keys,
        account.to_owned(),
        credential,
    );
    let input = Secret::new(format!("{program}\n").into_bytes());
    let ran = run(
        there.map_err(BrokerError::Invalid)?,
        LOOK,
        &input,
        LIMITS,
        PATIENCE,
    )
    .await
    .map_err(|error| unreachable(error.to_string()))?;
    read(&ran).ok_or_else(|| {
        BrokerError::Invalid(format!(
            "{account} at {name} does not answer as it should when it is looked at (exit status {}): is its login \
             shell one that runs commands, and does the host have getent, stat, readlink and sha256sum?",
            ran.status.map_or_else(|| "none".to_owned(), |status| status.to_string())
        ))
    })
}

/// What a look that succeeded found.
fn read(ran: &Ran) -> Option<Sighting> {
    (ran.status == Some(0)).then(|| read_sighting(&ran.output))?
}

/// Everything a host's answer says, when it is complete and says nothing else.
pub fn read_sighting(answer: &[u8]) -> Option<Sighting> {
    let text = std::str::from_utf8(answer).ok()?;
    let mut seen = Answer::default();
    let mut lines = text.strip_suffix('\n')?.split('\n');
    loop {
        let line = lines.next()?;
        if line == "end" {
            break;
        }
        seen.take(line)?;
    }
    lines.next().is_none().then_some(())?;
    seen.complete()
}

#[derive(Default)]
struct Answer {
    uid: Option<u32>,
    groups: BTreeSet<String>,
    shell: Option<String>,
    held: BTreeSet<String>,
    environment: BTreeSet<String>,
    elevates: BTreeSet<String>,
    leads_to: Option<String>,
    kind: Option<String>,
    switches: Option<()>,
    runs: Option<()>,
    digest: Option<Digest>,
}

impl Answer {
    /// Takes a line; nothing when it has no place here, or has been there.
    fn take(&mut self, line: &str) -> Option<()> {
        if line.contains(char::is_control) {
            return None;
        }
        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
        match key {
            "uid" => once(&mut self.uid, value.parse().ok()?),
            "group" => self.groups.insert(value.to_owned()).then_some(()),
            "shell" => once(&mut self.shell, value.to_owned()),
            "held" => self.held.insert(value.to_owned()).then_some(()),
            "env" => {
                self.environment.insert(value.to_owned());
                Some(())
            }
            "elevates" => self.elevates.insert(value.to_owned()).then_some(()),
            "leads" => once(&mut self.leads_to, value.to_owned()),
            "kind" => once(&mut self.kind, value.to_owned()),
            "switches" if value.is_empty() => once(&mut self.switches, ()),
            "runs" if value.is_empty() => once(&mut self.runs, ()),
            "sha256" => once(&mut self.digest, value.parse().ok()?),
            _ => None,
        }
    }

    fn complete(self) -> Option<Sighting> {
        Some(Sighting {
            uid: self.uid?,
            groups: Some(self.groups).filter(|groups| !groups.is_empty())?,
            shell: self.shell?,
            held: self.held.into_iter().collect(),
            environment: self.environment,
            elevates: self.elevates,
            leads_to: self.leads_to?,
            kind: self.kind?,
            switches_identity: self.switches.is_some(),
            executable: self.runs.is_some(),
            digest: self.digest,
        })
    }
}

fn once<T>(slot: &mut Option<T>, value: T) -> Option<()> {
    slot.is_none().then(|| *slot = Some(value))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const GOOD: &str = "uid 990\ngroup ops\nshell /usr/bin/dash\nleads /usr/bin/id\nkind regular file\nruns\n\
                        sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\nend\n";

    fn answered(output: &str, status: Option<u32>) -> Option<Sighting> {
        read(&Ran {
            status,
            output: output.as_bytes().to_vec(),
            error: Vec::new(),
        })
    }

    #[test]
    fn the_script_stays_within_its_quotes() {
        assert!(!include_str!("probe.sh").contains('\''));
    }

    #[test]
    fn a_complete_answer_is_read() {
        let seen = answered(GOOD, Some(0)).unwrap();
        assert_eq!((seen.uid, seen.kind.as_str()), (990, "regular file"));
        assert!(seen.executable && !seen.switches_identity && seen.digest.is_some());
        let more = GOOD.replace(
            "end",
            "held its home /home/x\nenv LD_PRELOAD\nelevates sudo\nend",
        );
        let seen = answered(&more, Some(0)).unwrap();
        assert_eq!(seen.held, ["its home /home/x"]);
        assert!(seen.environment.contains("LD_PRELOAD") && seen.elevates.contains("sudo"));
    }

    #[test]
    fn an_answer_that_lacks_something_or_says_more_is_none() {
        for broken in [
            String::new(),
            "end\n".to_owned(),
            GOOD.replace("end\n", ""),
            GOOD.replace("end\n", "end"),
            GOOD.replace("uid 990", "uid root"),
            GOOD.replace("uid 990\n", ""),
            GOOD.replace("group ops\n", ""),
            GOOD.replace("shell /usr/bin/dash\n", ""),
            GOOD.replace("runs", "runs well"),
            GOOD.replace("runs", "sings"),
            GOOD.replace("uid 990", "uid 990\nuid 0"),
            GOOD.replace("sha256 e3", "sha256 xx"),
            GOOD.replace("ops", "ops\u{1b}[2J"),
            format!("Welcome!\n{GOOD}"),
            format!("{GOOD}more\n"),
        ] {
            assert_eq!(answered(&broken, Some(0)), None, "{broken:?}");
        }
        assert_eq!(answered(GOOD, Some(1)), None);
        assert_eq!(answered(GOOD, None), None);
    }
}
