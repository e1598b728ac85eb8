//! `init`: the first start of an installation.

use std::io::Write;
use std::net::Ipv6Addr;
use std::path::Path;

use anyhow::Context;
use portcullis_engine::{Beginning, Founded, Founding, found};
use portcullis_model::Secret;
use portcullis_policy::{Preset, shipped};
use portcullis_ports::clock::random;
use portcullis_vault::KdfCost;

use super::folder::{DataFolder, private_file};
use super::{OsEntropy, new_ports};
use crate::args::Global;
use crate::args::server::InitArgs;
use crate::outcome::Outcome;
use crate::{output, secret_file};

/// The alphabet of made-up passphrases: nothing that looks like something else.
const LETTERS: &[u8; 31] = b"abcdefghjkmnpqrstuvwxyz23456789";

/// The configuration that a new installation gets.
const CONFIG: &str = r#"# Every setting has a default; unknown keys are errors.
[server]
url = "https://{host}:8443"         # what people use; clients are told the SSH door's address by it

[listen]
https = "127.0.0.1:8443"
ssh = "127.0.0.1:2222"

[unlock]
slot = "age"
identity_file = "keys/online.age"   # move it to another file system, or give it with serve --unlock

[tape]
auditors = []                       # age recipients who can open every tape
auditors_only = false
# quota_mib = 51200                 # how much room tapes may take; at its end no session opens
"#;

/// Runs `init`.
pub(crate) async fn run(global: &Global, args: InitArgs) -> anyhow::Result<Outcome> {
    let folder = DataFolder::create(&global.data)?;
    let (passphrase, made_up) = match &args.passphrase_file {
        Some(path) => (secret_file::read(path)?, false),
        None => (make_passphrase(), true),
    };
    let told = made_up.then(|| Secret::new(passphrase.expose().clone()));
    let beginning = match &args.admin {
        Some(name) => Beginning::Founder { name: name.clone() },
        None => Beginning::Evaluation,
    };
    let founded = make(
        &folder,
        beginning,
        passphrase,
        KdfCost::RECOMMENDED,
        &args.names,
    )
    .await
    .with_context(|| format!("making an installation in {}", folder.path().display()))?;
    tell(global, &args, &folder, &founded, told.as_ref())?;
    Ok(Outcome::Done)
}

/// Makes an installation in a fresh folder.
pub(crate) async fn make(
    folder: &DataFolder,
    beginning: Beginning,
    passphrase: Secret<String>,
    cost: KdfCost,
    names: &[String],
) -> anyhow::Result<Founded> {
    let ports = new_ports(folder)?;
    let (certificate, key) = portcullis_api::self_signed(names)?;
    let bundle = shipped(Preset::Strict)?;
    let founding = Founding {
        beginning,
        passphrase: secret_file::without_blanks(&passphrase),
        cost,
        tls_key: key,
        bundle,
    };
    let founded = found(&ports, founding).await?;
    write_new(&folder.online_key(), founded.online.expose().as_bytes())?;
    write_new(&folder.certificate(), certificate.as_bytes())?;
    if !folder.config().exists() {
        write_new(&folder.config(), configuration(names).as_bytes())?;
    }
    Ok(founded)
}

/// What is configured to begin with: people know the server by the first of its names.
fn configuration(names: &[String]) -> String {
    let host = names.first().map_or("localhost", String::as_str);
    let host = match host.parse::<Ipv6Addr>() {
        Ok(address) => format!("[{address}]"),
        Err(_) => host.to_owned(),
    };
    CONFIG.replace("{host}", &host)
}

fn write_new(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut file = private_file(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(())
}

/// Thirty letters, almost five bits each, in groups.
fn make_passphrase() -> Secret<String> {
    let drawn = random::<60>(&OsEntropy);
    let letters: Vec<char> = drawn
        .chunks_exact(2)
        .filter_map(|pair| {
            let number = pair
                .iter()
                .fold(0, |sum, byte| sum * 256 + usize::from(*byte));
            LETTERS.get(number % LETTERS.len()).copied().map(char::from)
        })
        .collect();
    let groups: Vec<String> = letters.chunks(6).map(String::from_iter).collect();
    Secret::new(groups.join(" "))
}

fn tell(
    global: &Global,
    args: &InitArgs,
    folder: &DataFolder,
    founded: &Founded,
    made_up: Option<&Secret<String>>,
) -> anyhow::Result<()> {
    if global.json {
        let tokens: std::collections::BTreeMap<_, _> = founded
            .tokens
            .iter()
            .map(|(name, token)| (name, token.expose()))
            .collect();
        return output::json(&serde_json::json!({
            "data": folder.path(),
            "ledger_key": founded.ledger_key,
            "ssh_authority": founded.ssh_authority,
            "enrolment_tokens": tokens,
            "offline_passphrase": made_up.map(Secret::expose),
        }));
    }
    output::line(format!("installation made in {}", folder.path().display()))?;
    if args.evaluation {
        output::line(
            "\nThis is an evaluation: its demo identities must not be trusted with anything.",
        )?;
    }
    if let Some(passphrase) = made_up {
        output::line(format!(
            "\nOffline key slot, the only way in when keys/online.age is lost. Write it down, keep it elsewhere;\nit is not shown again, and its blanks do not count:\n\n  {}",
            passphrase.expose()
        ))?;
    }
    output::line(
        "\nOne-time tokens to enroll with (portcullis login --enroll), good for 24 hours:\n",
    )?;
    for (name, token) in &founded.tokens {
        output::line(format!("  {name:<8} {}", token.expose()))?;
    }
    output::line(format!(
        "\nLedger key, to verify evidence with anywhere:\n\n  {}",
        founded.ledger_key
    ))?;
    output::line(format!(
        "\nNext: portcullis serve --data {}",
        folder.path().display()
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::config::Config;
    use super::*;

    #[test]
    fn the_first_name_is_what_people_use() {
        for (names, url) in [
            (
                &["gate.example", "localhost"][..],
                "https://gate.example:8443",
            ),
            (&["::1"], "https://[::1]:8443"),
            (&[], "https://localhost:8443"),
        ] {
            let names: Vec<_> = names.iter().map(ToString::to_string).collect();
            let config = Config::parse(&configuration(&names)).unwrap();
            assert_eq!(config.server.url.unwrap().as_str(), url);
        }
    }

    #[test]
    fn a_made_up_passphrase_has_letters_that_look_like_nothing_else_in_groups_that_do_not_count() {
        let made = make_passphrase();
        let groups: Vec<_> = made.expose().split(' ').collect();
        assert_eq!(groups.len(), 5);
        for group in groups {
            let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
            assert!(group.len() == 6 && group.chars().all(plain), "{group}");
            assert!(!group.contains(['0', '1', 'i', 'l', 'o']), "{group}");
        }
        let typed = Secret::new(made.expose().replace(' ', "  ") + "\n");
        let counts = secret_file::without_blanks(&typed);
        assert_eq!(*counts.expose(), made.expose().replace(' ', ""));
    }
}
