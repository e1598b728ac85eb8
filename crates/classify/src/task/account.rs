//! What an account and a program have to be for a task to be held to its declared words.

use portcullis_model::{Probed, Sighting};

/// Login shells that read a line as POSIX says.
const SHELLS: [&str; 10] = [
    "/bin/sh",
    "/bin/dash",
    "/bin/bash",
    "/bin/ksh",
    "/bin/mksh",
    "/usr/bin/sh",
    "/usr/bin/dash",
    "/usr/bin/bash",
    "/usr/bin/ksh",
    "/usr/bin/mksh",
];

/// Groups whose members are as good as root, or read what opens other doors.
const POWERFUL: [&str; 14] = [
    "root", "sudo", "wheel", "admin", "docker", "podman", "lxd", "incus", "libvirt", "kvm", "disk",
    "shadow", "kmem", "staff",
];

/// What was found against a task's account or program, each with what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct Unfit(pub Vec<String>);

/// Judges what was seen of an account and of `program`. Everything against it is named at once.
pub fn judge(program: &str, sighting: &Sighting) -> Result<Probed, Unfit> {
    let mut found = against_account(sighting);
    found.extend(against_program(program, sighting));
    match sighting.digest {
        Some(digest) if found.is_empty() => Ok(Probed {
            uid: sighting.uid,
            groups: sighting.groups.clone(),
            shell: sighting.shell.clone(),
            program: digest,
        }),
        _ => Err(Unfit(found)),
    }
}

fn against_account(sighting: &Sighting) -> Vec<String> {
    let mut found = Vec::new();
    if sighting.uid == 0 {
        found.push(
            "the account is root, whom nothing holds to one program: use an account of its own"
                .to_owned(),
        );
    }
    for group in sighting.groups.iter().filter(|one| is_powerful(one)) {
        found.push(format!(
            "the account is in the group {group}, which is as good as root: take it out"
        ));
    }
    for program in &sighting.elevates {
        found.push(format!(
            "{program} lets the account do more without asking: remove its rule"
        ));
    }
    if !SHELLS.contains(&sighting.shell.as_str()) {
        found.push(format!(
            "the login shell {} is no POSIX shell known here: set /bin/sh",
            sighting.shell
        ));
    }
    for held in &sighting.held {
        found.push(format!(
            "others than root decide over {held}: give it to root and let neither group nor others write to it"
        ));
    }
    for name in &sighting.environment {
        found.push(format!(
            "its environment has {name}, which makes shells or programs run something else: unset it at the host"
        ));
    }
    found
}

fn against_program(program: &str, sighting: &Sighting) -> Vec<String> {
    let mut found = Vec::new();
    if sighting.leads_to != program {
        found.push(format!(
            "{program} leads through a symbolic link to {}: declare that path",
            sighting.leads_to
        ));
    }
    if sighting.kind != "regular file" {
        found.push(format!(
            "{program} is no regular file but: {}",
            sighting.kind
        ));
    } else if !sighting.executable || sighting.digest.is_none() {
        found.push(format!(
            "the account cannot read and run {program}: give it both rights"
        ));
    }
    if sighting.switches_identity {
        found.push(format!(
            "{program} runs as somebody else than its caller (set-user-ID or set-group-ID): declare another"
        ));
    }
    found
}

/// Whether members of a group are as good as root.
pub(super) fn is_powerful(group: &str) -> bool {
    POWERFUL.contains(&group)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::collections::BTreeSet;

    use portcullis_model::Digest;

    use super::*;

    const PROGRAM: &str = "/usr/bin/uptime";

    fn good() -> Sighting {
        Sighting {
            uid: 990,
            groups: BTreeSet::from(["ops".to_owned()]),
            shell: "/bin/sh".to_owned(),
            held: Vec::new(),
            environment: BTreeSet::new(),
            elevates: BTreeSet::new(),
            leads_to: PROGRAM.to_owned(),
            kind: "regular file".to_owned(),
            switches_identity: false,
            executable: true,
            digest: Some(Digest::of_bytes(b"program")),
        }
    }

    #[test]
    fn an_account_and_a_program_with_nothing_against_them_are_fit() {
        let probed = judge(PROGRAM, &good()).unwrap();
        assert_eq!((probed.uid, probed.shell.as_str()), (990, "/bin/sh"));
    }

    #[test]
    fn everything_that_could_make_it_run_something_else_is_named_with_what_to_do() {
        type Change = fn(&mut Sighting);
        let cases: [(&str, Change); 12] = [
            ("root", |seen| seen.uid = 0),
            ("docker", |seen| {
                seen.groups = BTreeSet::from(["docker".to_owned()]);
            }),
            ("sudo", |seen| {
                seen.elevates = BTreeSet::from(["sudo".to_owned()]);
            }),
            ("/usr/bin/fish", |seen| {
                "/usr/bin/fish".clone_into(&mut seen.shell);
            }),
            ("/usr/sbin/nologin", |seen| {
                "/usr/sbin/nologin".clone_into(&mut seen.shell);
            }),
            ("home /home/x", |seen| {
                seen.held.push("home /home/x".to_owned());
            }),
            ("LD_PRELOAD", |seen| {
                seen.environment = BTreeSet::from(["LD_PRELOAD".to_owned()]);
            }),
            ("/opt/real", |seen| {
                "/opt/real".clone_into(&mut seen.leads_to);
            }),
            ("directory", |seen| "directory".clone_into(&mut seen.kind)),
            ("set-user-ID", |seen| seen.switches_identity = true),
            ("cannot read and run", |seen| seen.executable = false),
            ("cannot read and run", |seen| seen.digest = None),
        ];
        for (named, change) in cases {
            let mut seen = good();
            change(&mut seen);
            let unfit = judge(PROGRAM, &seen).unwrap_err().to_string();
            assert!(unfit.contains(named), "{named}: {unfit}");
        }
    }

    #[test]
    fn all_of_it_is_named_at_once() {
        let seen = Sighting {
            uid: 0,
            shell: "/bin/false".to_owned(),
            ..good()
        };
        assert_eq!(judge(PROGRAM, &seen).unwrap_err().0.len(), 2);
    }
}
