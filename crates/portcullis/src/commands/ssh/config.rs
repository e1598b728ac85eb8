//! The lines of an OpenSSH client's configuration.

use super::Door;
use super::accounts::Accounts;
use super::known_hosts::{KnownHosts, quoted};
use crate::args::access::SshConfigArgs;

/// Stands between target and account in a name of both; no name of a target has it.
const AND: char = '+';

/// One block a target, and one for each of its accounts when there is a choice: `ssh web-1+deploy`.
pub(super) fn lines(
    targets: &[Accounts],
    door: &Door,
    known: &KnownHosts,
    args: &SshConfigArgs,
) -> String {
    let mut text = String::from("# Written by portcullis ssh-config.\n");
    for accounts in targets {
        let target = &accounts.target;
        text += &block(target, accounts.plain(), target, door, known, args);
        for account in accounts.choice() {
            let name = format!("{target}{AND}{account}");
            text += &block(&name, account, target, door, known, args);
        }
    }
    text
}

fn block(
    name: &str,
    account: &str,
    target: &str,
    door: &Door,
    known: &KnownHosts,
    args: &SshConfigArgs,
) -> String {
    let mut lines = vec![
        format!("Host {name}"),
        format!("  HostName {}", door.host),
        format!("  Port {}", door.port),
        format!("  User {account}@{target}"),
        format!("  HostKeyAlias {}", door.alias()),
        "  PreferredAuthentications publickey,keyboard-interactive".to_owned(),
    ];
    if let Some(file) = &args.identity_file {
        lines.push(format!("  IdentityFile {}", quoted(file)));
        lines.push("  IdentitiesOnly yes".to_owned());
    }
    lines.extend(known.settings().map(|setting| format!("  {setting}")));
    lines.join("\n") + "\n"
}
