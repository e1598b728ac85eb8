//! The configuration: `portcullis.toml`. Unknown keys are errors that name line and column.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use portcullis_ledger::WitnessKey;
use portcullis_ports::Sealer;
use portcullis_store::AgeSealer;
use reqwest::Url;
use serde::Deserialize;

use super::folder::DataFolder;
use super::url::ServerUrl;
use crate::args::server::Role;
use crate::outcome::Usage;

/// The whole configuration; everything has a default.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// How the server is known.
    pub(crate) server: ServerSection,
    /// Where it listens.
    pub(crate) listen: ListenSection,
    /// Where state lies.
    pub(crate) store: StoreSection,
    /// Where tapes lie.
    pub(crate) blobs: BlobsSection,
    /// What opens the vault.
    pub(crate) unlock: UnlockSection,
    /// How tapes are sealed.
    pub(crate) tape: TapeSection,
    /// Who watches the ledger.
    pub(crate) ledger: LedgerSection,
}

/// How the server is known.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ServerSection {
    /// The address that people use, told to clients with those of the doors; without it, clients find the doors at the
    /// host where they reached the API.
    pub(crate) url: Option<ServerUrl>,
    /// The roles of this process.
    pub(crate) role: Vec<RoleName>,
}

/// A role of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RoleName {
    /// Holds keys, ledger, policies, API.
    Control,
    /// Holds the sockets of brokered sessions.
    Gate,
    /// Runs connectors.
    Worker,
}

/// All of them.
const ALL_ROLES: [RoleName; 3] = [RoleName::Control, RoleName::Gate, RoleName::Worker];

/// Where the server listens. Loopback only, until told otherwise.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListenSection {
    /// The API.
    pub(crate) https: SocketAddr,
    /// The SSH door.
    pub(crate) ssh: SocketAddr,
}

/// Where state lies.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StoreSection {
    /// `sqlite:FILE`, relative to the data folder.
    pub(crate) url: String,
}

/// Where tapes lie.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct BlobsSection {
    /// `file:tapes`, relative to the data folder.
    pub(crate) url: String,
}

/// What opens the vault.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct UnlockSection {
    /// The kind of the online slot.
    pub(crate) slot: SlotName,
    /// Its identity, relative to the data folder.
    pub(crate) identity_file: PathBuf,
}

/// A kind of key slot that `serve` can open by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SlotName {
    /// An age identity in a file.
    Age,
}

/// How tapes are sealed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TapeSection {
    /// The auditors' age recipients.
    pub(crate) auditors: Vec<String>,
    /// Whether not even the vault can open a tape.
    pub(crate) auditors_only: bool,
    /// How much room tapes may take, in MiB. From four fifths of it on that is said; at its end no session opens.
    pub(crate) quota_mib: Option<u64>,
}

impl TapeSection {
    /// The same in bytes.
    pub(crate) fn quota(&self) -> Option<u64> {
        self.quota_mib.map(|mib| mib.saturating_mul(1 << 20))
    }
}

/// Who watches the ledger.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LedgerSection {
    /// Those who keep elsewhere what they saw of it (`portcullis ledger witness`).
    pub(crate) witnesses: Vec<WitnessSection>,
}

/// A witness.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WitnessSection {
    /// Where it is asked, without `/add-checkpoint`.
    pub(crate) url: String,
    /// What its word is verified with, as it prints when it starts.
    pub(crate) key: String,
}

impl Default for ServerSection {
    fn default() -> Self {
        Self {
            url: None,
            role: ALL_ROLES.to_vec(),
        }
    }
}

impl Default for ListenSection {
    fn default() -> Self {
        Self {
            https: SocketAddr::from(([127, 0, 0, 1], 8443)),
            ssh: SocketAddr::from(([127, 0, 0, 1], 2222)),
        }
    }
}

impl Default for StoreSection {
    fn default() -> Self {
        Self {
            url: "sqlite:store.db".to_owned(),
        }
    }
}

impl Default for BlobsSection {
    fn default() -> Self {
        Self {
            url: "file:tapes".to_owned(),
        }
    }
}

impl Default for UnlockSection {
    fn default() -> Self {
        Self {
            slot: SlotName::Age,
            identity_file: PathBuf::from("keys/online.age"),
        }
    }
}

impl Config {
    /// Reads the configuration of a data folder, or the file that was named.
    pub(crate) fn read(folder: &DataFolder, named: Option<&Path>) -> anyhow::Result<Self> {
        let path = named.map_or_else(|| folder.config(), Path::to_path_buf);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
                String::new()
            }
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        };
        Self::parse(&text).with_context(|| format!("in {}", path.display()))
    }

    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        let config: Self = toml::from_str(text)?;
        config.check()?;
        config.tape.check()?;
        config.ledger.check()?;
        Ok(config)
    }

    /// Whether this program can run the roles that are asked for: `named` before those configured.
    pub(crate) fn check_roles(&self, named: Option<Role>) -> anyhow::Result<()> {
        let (asked, by) = match named {
            Some(Role::All) => return Ok(()),
            Some(role) => (role.as_str().to_owned(), "--role"),
            None => {
                let missing = ALL_ROLES
                    .iter()
                    .any(|role| !self.server.role.contains(role));
                if !missing {
                    return Ok(());
                }
                (
                    format!("{:?}", self.server.role).to_lowercase(),
                    "server.role",
                )
            }
        };
        bail!(Usage(format!(
            "{by} {asked}: control, gate and worker cannot run apart yet; leave {by} out, or say --role all"
        )));
    }

    fn check(&self) -> anyhow::Result<()> {
        if self.store.url != StoreSection::default().url {
            bail!(
                "store.url {:?} is not supported yet: leave it at \"sqlite:store.db\"",
                self.store.url
            );
        }
        if self.blobs.url != BlobsSection::default().url {
            bail!(
                "blobs.url {:?} is not supported yet: leave it at \"file:tapes\"",
                self.blobs.url
            );
        }
        if self.tape.auditors_only && self.tape.auditors.is_empty() {
            bail!("tape.auditors_only without tape.auditors: nobody could ever open a tape");
        }
        Ok(())
    }
}

impl UnlockSection {
    /// Where the online slot's identity is.
    pub(crate) fn identity_in(&self, folder: &DataFolder) -> PathBuf {
        folder.path().join(&self.identity_file)
    }
}

impl TapeSection {
    /// A tape that cannot be sealed to an auditor would be noticed only when a session opens, and end it.
    fn check(&self) -> anyhow::Result<()> {
        for auditor in &self.auditors {
            AgeSealer.seal(auditor, b"a try").context("tape.auditors")?;
        }
        Ok(())
    }
}

impl LedgerSection {
    /// A witness that could not be asked would be noticed only in the log of a server that runs.
    fn check(&self) -> anyhow::Result<()> {
        let mut keys = BTreeSet::new();
        for WitnessSection { url, key } in &self.witnesses {
            let named = || format!("ledger.witnesses, {url:?}");
            let parsed = Url::parse(url).with_context(named)?;
            if !matches!(parsed.scheme(), "https" | "http") {
                bail!("{}: say https://… or http://…", named());
            }
            WitnessKey::parse(key).with_context(named)?;
            if !keys.insert(key) {
                bail!("{}: its key is there twice", named());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn an_empty_configuration_is_the_default() {
        assert_eq!(Config::parse("").unwrap().listen.ssh.port(), 2222);
    }

    #[test]
    fn an_unknown_key_is_an_error_with_its_place() {
        let told = Config::parse("[listen]\nssh = \"127.0.0.1:2222\"\nsssh = 1\n").unwrap_err();
        let told = format!("{told:#}");
        assert!(told.contains("line 3") && told.contains("sssh"), "{told}");
    }

    #[test]
    fn the_address_that_people_use_is_read_and_a_wrong_one_is_an_error_with_its_place() {
        let read = Config::parse("[server]\nurl = \"https://gate.example:8443\"\n").unwrap();
        let url = read.server.url.unwrap();
        assert_eq!(
            (url.host(), url.as_str()),
            ("gate.example", "https://gate.example:8443")
        );
        let told = Config::parse("[server]\nurl = \"gate.example:8443\"\n").unwrap_err();
        let told = format!("{told:#}");
        assert!(
            told.contains("line 2") && told.contains("https://HOST"),
            "{told}"
        );
    }

    #[test]
    fn roles_that_cannot_run_apart_are_refused_and_all_of_them_run() {
        let apart = Config::parse("[server]\nrole = [\"gate\", \"worker\"]").unwrap();
        let told = format!("{:#}", apart.check_roles(None).unwrap_err());
        assert!(
            told.contains("server.role") && told.contains("gate"),
            "{told}"
        );
        assert!(apart.check_roles(Some(Role::All)).is_ok());
        let all = Config::default();
        assert!(all.check_roles(None).is_ok());
        for role in [Role::Control, Role::Gate, Role::Worker] {
            let told = all.check_roles(Some(role)).unwrap_err();
            assert!(told.is::<Usage>(), "{told}");
            assert!(told.to_string().contains(role.as_str()), "{told}");
        }
    }

    #[test]
    fn a_witness_that_cannot_be_asked_or_is_there_twice_is_refused() {
        let key = portcullis_ledger::Cosigner::from_seed("witness.example", &[9; 32]);
        let key = key.unwrap().key().to_string();
        let one = |url: &str| format!("{{ url = \"{url}\", key = \"{key}\" }}");
        let parse = |all: &[String]| {
            Config::parse(&format!("[ledger]\nwitnesses = [{}]\n", all.join(", ")))
        };
        let (good, ftp) = (one("https://witness.example"), one("ftp://witness.example"));
        assert_eq!(
            parse(std::slice::from_ref(&good))
                .unwrap()
                .ledger
                .witnesses
                .len(),
            1
        );
        for (all, why) in [
            (vec![ftp], "say https://"),
            (vec![good.clone(), good], "there twice"),
        ] {
            let told = format!("{:#}", parse(&all).unwrap_err());
            assert!(told.contains(why), "{told}");
        }
    }

    #[test]
    fn settings_that_would_do_nothing_are_refused() {
        for text in [
            "[store]\nurl = \"postgres://x\"",
            "[blobs]\nurl = \"s3://x\"",
            "[tape]\nauditors_only = true",
            "[listen]\nssh = \"nonsense\"",
            "[tape]\nauditors = [\"nobody\"]",
            "[ledger]\nwitnesses = [{ url = \"http://127.0.0.1:1\", key = \"nobody\" }]",
        ] {
            assert!(Config::parse(text).is_err(), "{text}");
        }
    }
}
