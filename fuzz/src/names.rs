//! Names and short texts that have one reading: identifiers, logins, roles in SQL, and what a host answers when it is looked at.

use portcullis_brokers::ssh::{read_login, read_sighting};
use portcullis_classify::task::judge;
use portcullis_connectors::postgres::quoted_role;
use portcullis_model::id::TypedId;
use portcullis_model::{
    ChangeId, Digest, GrantId, GroupId, IdentityId, InstallationId, RequestId, ResourceId,
    SecretId, SessionId, TaskId, TenantId, Timestamp,
};
use portcullis_vault::SecretKind;

pub(crate) fn check(bytes: &[u8]) {
    looked_at(bytes);
    if let Some((millis, _)) = bytes.split_first_chunk() {
        assert!(
            !Timestamp::from_millis(u64::from_be_bytes(*millis))
                .to_string()
                .is_empty()
        );
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    identifiers(text);
    if let Ok(digest) = text.parse::<Digest>() {
        assert!(digest.to_string().eq_ignore_ascii_case(text));
    }
    if let Ok(kind) = text.parse::<SecretKind>() {
        assert_eq!(kind.as_str(), text);
    }
    login(text);
    role(text);
}

fn identifiers(text: &str) {
    let read = [
        one::<ChangeId>(text),
        one::<GrantId>(text),
        one::<GroupId>(text),
        one::<IdentityId>(text),
        one::<InstallationId>(text),
        one::<RequestId>(text),
        one::<ResourceId>(text),
        one::<SecretId>(text),
        one::<SessionId>(text),
        one::<TaskId>(text),
        one::<TenantId>(text),
    ];
    assert!(
        read.into_iter().filter(|read| *read).count() <= 1,
        "{text:?} names two things"
    );
}

fn one<T: TypedId>(text: &str) -> bool {
    let read = text.parse::<T>();
    if let Ok(id) = &read {
        assert_eq!(id.to_string(), text, "an identifier has one spelling");
    }
    read.is_ok()
}

/// A user name of the door is an account and a target, and nothing that any program takes for more.
fn login(text: &str) {
    if let Some(login) = read_login(text) {
        assert_eq!(format!("{}@{}", login.account, login.target), text);
        for name in [&login.account, &login.target] {
            assert!(!name.is_empty() && name.len() <= 64 && !name.starts_with(['-', '.']));
            assert!(
                name.bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
            );
        }
    }
}

/// A role between quotes is read back by the rule of the SQL standard as the same name, and nothing follows it.
fn role(name: &str) {
    let Ok(quoted) = quoted_role(name) else {
        return;
    };
    let inner = quoted
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let inner = inner.unwrap_or_default().replace("\"\"", "\u{0}");
    assert!(!inner.contains('"'), "{quoted} ends early");
    assert_eq!(
        inner.replace('\u{0}', "\""),
        name,
        "{quoted} is another role"
    );
    assert!((1..=63).contains(&name.len()));
}

/// What a host answers is read whole or not at all, and root fits no task.
fn looked_at(answer: &[u8]) {
    if let Some(seen) = read_sighting(answer) {
        assert!(answer.ends_with(b"end\n") && !seen.groups.is_empty());
        let fit = judge("/usr/bin/uptime", &seen);
        let suspicious = seen.uid == 0
            || !seen.held.is_empty()
            || !seen.elevates.is_empty()
            || !seen.environment.is_empty()
            || seen.switches_identity
            || !seen.executable
            || seen.digest.is_none()
            || seen.leads_to != "/usr/bin/uptime";
        assert!(
            fit.is_err() || !suspicious,
            "a task fits an account that is not held to it"
        );
    }
}

#[cfg(test)]
pub(crate) fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    use crate::fixed::id;

    let digest = Digest::of_bytes(b"program");
    let answer = format!(
        "uid 990\ngroup ops\ngroup adm\nshell /bin/sh\nheld /home/ops\nenv BASH_ENV\nelevates sudo\n\
         leads /usr/bin/uptime\nkind regular file\nswitches\nruns\nsha256 {digest}\nend\n"
    );
    let fit = format!(
        "uid 990\ngroup ops\nshell /bin/sh\nleads /usr/bin/uptime\nkind regular file\nruns\nsha256 {digest}\nend\n"
    );
    let text = |text: &str| text.as_bytes().to_vec();
    vec![
        ("answer", answer.into_bytes()),
        ("fit", fit.into_bytes()),
        ("login", text("root@web-1")),
        ("request", id::<RequestId>(3).to_string().into_bytes()),
        ("digest", digest.to_string().into_bytes()),
        ("role", text("Reader \"of\" x")),
        ("kind", text("password")),
    ]
}
