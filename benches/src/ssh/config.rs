//! What OpenSSH's programs are told here, whatever the machine's own configuration says.

use std::path::Path;

/// Settings of a server whose files lie in a folder: the demo's own host, and a key for whoever comes
/// straight. Shells find no rc files of whoever measures: those would be measured as well.
pub fn server(folder: &Path, address: &str) -> String {
    let folder = folder.display();
    format!(
        "ListenAddress {address}\n\
         HostKey {folder}/host_key\n\
         TrustedUserCAKeys {folder}/authority.pub\n\
         AuthorizedKeysFile {folder}/authorized_keys\n\
         PasswordAuthentication no\n\
         KbdInteractiveAuthentication no\n\
         UsePAM no\n\
         StrictModes no\n\
         MaxStartups 200\n\
         PidFile none\n\
         SetEnv HOME={folder}\n"
    )
}

/// What makes a server a hop: every command is run at the target, by OpenSSH's own client.
pub fn hop(folder: &Path) -> String {
    let folder = folder.display();
    format!("ForceCommand exec ssh -F {folder}/ssh_config target \"$SSH_ORIGINAL_COMMAND\"\n")
}

/// A way that a client knows.
pub struct Entry<'a> {
    pub name: &'a str,
    /// `host:port`
    pub address: &'a str,
    pub user: &'a str,
    pub key: &'a Path,
    pub known_hosts: &'a Path,
    /// The name that the host's key is known under.
    pub known_as: &'a str,
}

/// A client's configuration.
pub fn client(entries: &[Entry<'_>]) -> String {
    let entries = entries.iter().map(|entry| {
        let (host, port) = entry
            .address
            .rsplit_once(':')
            .unwrap_or((entry.address, "22"));
        format!(
            "Host {}\n  HostName {host}\n  Port {port}\n  User {}\n  IdentityFile {}\n  \
             UserKnownHostsFile {}\n  HostKeyAlias {}\n",
            entry.name,
            entry.user,
            entry.key.display(),
            entry.known_hosts.display(),
            entry.known_as
        )
    });
    // Newer clients hide when keys are typed by sending in a rhythm: an echo would measure that.
    let everywhere = "Host *\n  IdentitiesOnly yes\n  IdentityAgent none\n  BatchMode yes\n  \
        IgnoreUnknown ObscureKeystrokeTiming\n  ObscureKeystrokeTiming no\n";
    entries.collect::<String>() + everywhere
}
