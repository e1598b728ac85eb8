//! The lines of an OpenSSH client's configuration.

use std::path::Path;

use super::Door;
use super::accounts::Accounts;
use crate::args::access::SshConfigArgs;

/// Stands between target and account in a name of both; no name of a target has it.
const AND: char = '+';

/// One block a target, and one for each of its accounts when there is a choice: `ssh web-1+deploy`.
pub(super) fn lines(targets: &[Accounts], door: &Door, args: &SshConfigArgs) -> String {
    let mut text = String::from("# Written by portcullis ssh-config.\n");
    for accounts in targets {
        let target = &accounts.target;
        text += &block(target, accounts.plain(), target, door, args);
        for account in accounts.choice() {
            let name = format!("{target}{AND}{account}");
            text += &block(&name, account, target, door, args);
        }
    }
    text
}

fn block(name: &str, account: &str, target: &str, door: &Door, args: &SshConfigArgs) -> String {
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
    if let Some(file) = &args.known_hosts {
        lines.push(format!("  UserKnownHostsFile {}", quoted(file)));
    }
    lines.join("\n") + "\n"
}

/// A path may hold blanks.
fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    if path.contains(char::is_whitespace) {
        format!("\"{path}\"")
    } else {
        path
    }
}
