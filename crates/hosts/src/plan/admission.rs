//! Whether sshd lets in by a certificate, whatever authority it trusts: everything else that it asks or refuses.

use super::{Plan, Wish};
use crate::ask::Ask;
use crate::doors::depends_on_more;
use crate::known::Known;
use crate::settings::{self, Settings};

/// What a session's certificate is to sshd.
const CERTIFICATE: &str = "ssh-ed25519-cert-v01@openssh.com";

impl Plan {
    /// Whether a certificate could open the accounts at all.
    pub(super) fn opens(&mut self, known: &Known, wish: &Wish<'_>, settings: &Settings<'_>) {
        let accounts = known.accounts();
        if !accounts.iter().any(|account| account.name == wish.account) {
            self.against.push(format!(
                "there is no account {}: --account with one that is there",
                wish.account
            ));
        }
        let root = settings.get("permitrootlogin").unwrap_or("no");
        if wish.account == "root"
            && !["yes", "without-password", "prohibit-password"].contains(&root)
        {
            self.against.push(format!(
                "sshd lets root in by no certificate (PermitRootLogin {root}): set it to prohibit-password, or \
                 --account with another"
            ));
        }
        for name in std::iter::once(wish.account).chain(wish.tasks) {
            self.lets_in(known, name);
            self.takes_certificates(known, wish, name);
        }
        // Where a client's address counts, another is judged than this look could be.
        if settings::blocks(known)
            .iter()
            .any(|block| depends_on_more(block))
        {
            self.doubts.append(&mut self.against);
        }
    }

    /// Whether sshd takes a certificate of ours, and nothing more, and then what is asked for.
    fn takes_certificates(&mut self, known: &Known, wish: &Wish<'_>, name: &str) {
        let Some(settings) = known.settings(name) else {
            return;
        };
        let authority = wish.authority.split_whitespace().next().unwrap_or_default();
        let methods = settings.get("authenticationmethods").unwrap_or("any");
        let enough = methods
            .split_whitespace()
            .any(|one| ["any", "publickey"].contains(&one));
        let against = [
            (
                !settings.is_on("pubkeyauthentication"),
                "takes no keys: PubkeyAuthentication yes",
            ),
            (
                !enough,
                "asks for more than a certificate (AuthenticationMethods): let publickey be enough, the second factor is \
                 asked for at our door",
            ),
            (
                !settings.lists("casignaturealgorithms", authority),
                "takes no certificate that is signed so (CASignatureAlgorithms): add the authority's algorithm",
            ),
            (
                !settings.lists("pubkeyacceptedalgorithms", CERTIFICATE),
                "takes no certificate of ours (PubkeyAcceptedAlgorithms): add ssh-ed25519-cert-v01@openssh.com",
            ),
            (
                settings.get("forcecommand").is_some(),
                "forces a command on it (ForceCommand): take that away for it",
            ),
        ];
        let against = against.into_iter().filter(|(is_so, _)| *is_so);
        self.against
            .extend(against.map(|(_, what)| format!("for {name}, sshd {what}")));
    }

    fn lets_in(&mut self, known: &Known, name: &str) {
        let Some(settings) = known.settings(name) else {
            return;
        };
        let groups = known.groups();
        let groups = groups.iter().filter(|group| group.members.contains(&name));
        let mut groups: Vec<_> = groups.map(|group| group.name).collect();
        // One that is to be made is in a group of its own.
        if groups.is_empty() {
            groups.push(name);
        }
        if let Some(list) = settings.refuses(name, &groups) {
            self.against.push(format!(
                "sshd lets {name} in by no way ({list}): have it let {name} in there"
            ));
        }
        if settings.get("authorizedprincipalscommand").is_some() {
            self.against.push(format!(
                "sshd asks a program whom a certificate is for (AuthorizedPrincipalsCommand): have it say {name} for \
                 {name}, or set it to none"
            ));
        }
        let account = known.accounts().into_iter().find(|one| one.name == name);
        let (uid, home) = account.map_or((0, "/nonexistent"), |one| (one.uid, one.home));
        for path in settings.files("authorizedprincipalsfile", name, uid, home) {
            let lines = known.lines(&Ask::File(path.clone()));
            if !lines.iter().any(|line| line.trim() == name) {
                self.against.push(format!(
                    "sshd looks in {path} whom a certificate is for: have it list {name}"
                ));
            }
        }
    }
}
