//! Plans for hosts of all sorts.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::*;
use crate::known::tests::known;

const WISH: Wish<'_> = Wish {
    authority: "ssh-ed25519 OURS",
    account: "root",
    tasks: Some("ops"),
};

const CONFIG: &str = "/etc/ssh/sshd_config";

fn file(path: &str) -> Ask {
    Ask::File(path.to_owned())
}

fn host(settings: &str, config: &str, more: &[(Ask, &str)]) -> Known {
    let mut told = vec![
        (Ask::Accounts, "root:x:0:0::/root:/bin/sh"),
        (Ask::Groups, "root:x:0:\nstaff:x:50:"),
        (
            Ask::Listeners,
            "own 7 sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups",
        ),
        (Ask::Tools, "/usr/sbin/useradd"),
        (Ask::Settings("root".to_owned()), settings),
        (file(CONFIG), config),
    ];
    told.extend(more.iter().cloned());
    known(&told)
}

const PLAIN: &str =
    "permitrootlogin without-password\npubkeyauthentication yes\ntrustedusercakeys none\n";

fn paths(plan: &Plan) -> Vec<String> {
    let puts = plan.acts.iter().filter_map(|act| match act {
        Act::Put { path, .. } => Some(path.clone()),
        _ => None,
    });
    puts.collect()
}

#[test]
fn an_ordinary_host_gets_an_account_two_files_and_a_look_by_sshd() {
    let folder = Ask::Folder("/etc/ssh/sshd_config.d".to_owned());
    let seen = host(
        PLAIN,
        "Include /etc/ssh/sshd_config.d/*.conf\n",
        &[(folder, "")],
    );
    let plan = Plan::of(&seen, &WISH);
    assert_eq!(plan.against, Vec::<String>::new());
    assert_eq!(
        paths(&plan),
        [AUTHORITY, "/etc/ssh/sshd_config.d/10-portcullis.conf"]
    );
    assert!(matches!(plan.acts.first().unwrap(), Act::Begin(_)));
    assert!(plan.acts.contains(&Act::Account("ops".to_owned())));
    assert!(plan.acts.contains(&Act::Check) && plan.acts.contains(&Act::Reload(7)));
    assert_eq!(plan.acts.last().unwrap(), &Act::Finish);
}

#[test]
fn without_a_folder_of_parts_the_line_stands_first_in_the_configuration() {
    for config in [
        "Port 22\nMatch User x\n",
        "Match User x\nInclude /etc/ssh/sshd_config.d/*.conf\n",
        "Include /etc/ssh/sshd_config.d/*.conf\n",
    ] {
        let plan = Plan::of(&host(PLAIN, config, &[]), &WISH);
        assert_eq!(paths(&plan), [AUTHORITY, CONFIG], "{config}");
        let content = plan.acts.iter().find_map(|act| match act {
            Act::Put { path, content, .. } if path == CONFIG => Some(content),
            _ => None,
        });
        let wanted = format!("TrustedUserCAKeys {AUTHORITY}\n{config}");
        assert_eq!(content, Some(&wanted));
    }
}

#[test]
fn where_another_authority_is_trusted_ours_stands_beside_it() {
    let settings = PLAIN.replace("none", "/etc/ca");
    let plan = Plan::of(
        &host(&settings, "", &[(file("/etc/ca"), "ssh-ed25519 THEIRS x")]),
        &WISH,
    );
    let content = plan.acts.iter().find_map(|act| match act {
        Act::Put { content, .. } => Some(content.as_str()),
        _ => None,
    });
    assert_eq!(content, Some("ssh-ed25519 THEIRS x\nssh-ed25519 OURS\n"));
    assert_eq!(paths(&plan), ["/etc/ca"]);
}

#[test]
fn where_everything_is_there_nothing_is_done() {
    let settings = PLAIN.replace("none", "/etc/ca");
    let seen = host(
        &settings,
        "",
        &[
            (file("/etc/ca"), "ssh-ed25519 OURS comment\n"),
            (
                Ask::Accounts,
                "root:x:0:0::/root:/bin/sh\nops:x:990:990::/nonexistent:/bin/sh",
            ),
        ],
    );
    let plan = Plan::of(&seen, &WISH);
    assert!(plan.acts.is_empty() && plan.against.is_empty(), "{plan:?}");
    assert_eq!(plan.there.len(), 3);
}

#[test]
fn what_would_keep_a_certificate_out_stands_against_it() {
    let with = |settings: &str, more: &[(Ask, &str)], wish: Wish<'_>| {
        Plan::of(&host(settings, "", more), &wish)
            .against
            .join("\n")
    };
    let said = |settings: &str| with(settings, &[], WISH);
    assert!(said(&PLAIN.replace("without-password", "no")).contains("PermitRootLogin"));
    assert!(said(&PLAIN.replace("cation yes", "cation no")).contains("takes no keys"));
    assert!(said(&format!("{PLAIN}allowusers olaf\n")).contains("AllowUsers"));
    assert!(said(&format!("{PLAIN}denyusers root\n")).contains("DenyUsers"));
    assert!(said(&format!("{PLAIN}authorizedprincipalscommand /x\n")).contains("a program"));
    let principals = format!("{PLAIN}authorizedprincipalsfile /etc/p/%u\n");
    let listed = [(file("/etc/p/root"), "root"), (file("/etc/p/ops"), "ops")];
    assert!(said(&principals).contains("/etc/p/root"));
    assert_eq!(with(&principals, &listed, WISH), "");
    let wish = |account, tasks| Wish {
        account,
        tasks,
        ..WISH
    };
    assert!(with(PLAIN, &[], wish("olaf", None)).contains("no account olaf"));
    assert!(with(PLAIN, &[], wish("root", Some("root"))).contains("is root"));
    assert!(said(&format!("{PLAIN}allowgroups wheel\n")).contains("AllowGroups"));
    assert!(
        said(&format!(
            "{PLAIN}authenticationmethods publickey,password\n"
        ))
        .contains("more than")
    );
    assert!(said(&format!("{PLAIN}casignaturealgorithms rsa-sha2-512\n")).contains("signed so"));
    assert!(
        said(&format!("{PLAIN}pubkeyacceptedalgorithms ssh-ed25519\n")).contains("no certificate")
    );
    assert!(said(&format!("{PLAIN}forcecommand /x\n")).contains("forces"));
    assert!(with(PLAIN, &[(Ask::Tools, "")], WISH).contains("no useradd"));
    assert!(with(PLAIN, &[(Ask::Listeners, "")], WISH).contains("no sshd of the host"));
    assert!(with(PLAIN, &[], wish("root", Some("staff"))).contains("a group staff"));
    let other = (
        Ask::Settings("ops".to_owned()),
        "trustedusercakeys /etc/other",
    );
    assert!(with(PLAIN, &[other], WISH).contains("another authority"));
}

#[test]
fn where_an_address_counts_it_is_in_doubt_and_not_refused() {
    let settings = PLAIN.replace("without-password", "no");
    let config = "Match Address 10.0.0.0/8\n PermitRootLogin yes\n";
    let plan = Plan::of(&host(&settings, config, &[]), &WISH);
    assert!(
        plan.against.is_empty() && plan.doubts.len() == 1,
        "{plan:?}"
    );
}

fn begun(plan: &Plan, finished: bool) -> Vec<(Ask, String)> {
    let Some(Act::Begin(text)) = plan.acts.first() else {
        panic!("{plan:?}");
    };
    let mut told = vec![(file(&format!("{}/plan", crate::KEPT)), text.clone())];
    if finished {
        told.push((file(&format!("{}/finished", crate::KEPT)), "\n".to_owned()));
    }
    told
}

#[test]
fn what_was_begun_goes_on_and_what_is_otherwise_is_undone_first() {
    let plan = Plan::of(&host(PLAIN, "", &[]), &WISH);
    let told = begun(&plan, false);
    let told: Vec<_> = told
        .iter()
        .map(|(ask, text)| (ask.clone(), text.as_str()))
        .collect();
    let again = Plan::of(&host(PLAIN, "", &told), &WISH);
    assert_eq!((&again.acts, again.against.len()), (&plan.acts, 0));
    let other = Wish {
        authority: "ssh-ed25519 OTHERS",
        ..WISH
    };
    let other = Plan::of(&host(PLAIN, "", &told), &other);
    assert!(other.against.join("").contains("--undo first"), "{other:?}");
    // All of it is written, and sshd was not told.
    let written = PLAIN.replace("none", AUTHORITY);
    let mut all = told.clone();
    all.push((file(AUTHORITY), "ssh-ed25519 OURS\n"));
    all.push((
        Ask::Accounts,
        "root:x:0:0::/root:/bin/sh\nops:x:990:990::/nonexistent:/bin/sh",
    ));
    let rest = Plan::of(&host(&written, "", &all), &WISH);
    assert!(rest.acts.contains(&Act::Reload(7)), "{rest:?}");
    let done = begun(&plan, true);
    all.extend(done.iter().map(|(ask, text)| (ask.clone(), text.as_str())));
    let rest = Plan::of(&host(&written, "", &all), &WISH);
    assert!(rest.acts.is_empty() && rest.against.is_empty(), "{rest:?}");
}

#[test]
fn where_a_server_is_started_for_each_client_none_is_told() {
    let each = "own 7 sshd: root@notty";
    let plan = Plan::of(&host(PLAIN, "", &[(Ask::Listeners, each)]), &WISH);
    assert!(plan.against.is_empty(), "{plan:?}");
    assert!(!plan.acts.iter().any(|act| matches!(act, Act::Reload(_))));
}

#[test]
fn a_link_and_a_configuration_that_nobody_reads_are_not_written() {
    let mut seen = host(PLAIN, "", &[]);
    seen.take(
        vec![file(CONFIG)],
        vec![Answer::File {
            mode: 0o644,
            uid: 0,
            names: 1,
            is_link: true,
            bytes: Vec::new(),
        }],
    );
    assert!(
        Plan::of(&seen, &WISH)
            .against
            .join("\n")
            .contains("it is a link")
    );
    let elsewhere = "own 7 sshd: /usr/sbin/sshd -D -f /srv/x [listener] 0";
    let seen = host(PLAIN, "", &[(Ask::Listeners, elsewhere)]);
    assert!(
        Plan::of(&seen, &WISH)
            .against
            .join("\n")
            .contains("--sshd-config /srv/x")
    );
}
