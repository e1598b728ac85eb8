//! The settings of an SSH host, and what its owner has to do there by hand.

use portcullis_model::Resource;
use portcullis_ports::{BrokerError, Opener};
use portcullis_wire::ssh::PublicKey;
use schemars::JsonSchema;
use serde::Deserialize;

use super::login;

/// How to reach a host.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where its sshd listens: `host:port`, an IPv6 address in brackets.
    pub address: String,
    /// The host keys it may show, each a line such as `ssh-ed25519 AAAA…`.
    #[schemars(length(min = 1))]
    pub host_keys: Vec<String>,
    /// The account used when a request names none.
    pub account: String,
    /// Other accounts that may be asked for.
    #[serde(default)]
    accounts: Vec<String>,
}

impl Settings {
    /// Reads and checks a resource's settings.
    pub fn of(resource: &Resource) -> Result<Self, BrokerError> {
        let settings: Self = serde_json::from_value(resource.settings.clone())
            .map_err(|error| invalid(resource, &error.to_string()))?;
        settings
            .check()
            .map_err(|reason| invalid(resource, &reason))?;
        Ok(settings)
    }

    /// Every account that may be asked for, the default one first.
    pub fn accounts(&self) -> Vec<&str> {
        let others = self.accounts.iter().filter(|name| **name != self.account);
        std::iter::once(&self.account)
            .chain(others)
            .map(String::as_str)
            .collect()
    }

    fn check(&self) -> Result<(), String> {
        if !is_address(&self.address) {
            return Err(format!(
                "address {:?} is not host:port, such as web-1.example:22",
                self.address
            ));
        }
        if self.host_keys.is_empty() {
            return Err("host_keys is empty; read the host's keys with ssh-keyscan and compare them on the host".to_owned());
        }
        for key in &self.host_keys {
            PublicKey::parse(key).map_err(|error| format!("host_keys: {error}"))?;
        }
        match self
            .accounts()
            .into_iter()
            .find(|name| !login::is_account(name))
        {
            Some(bad) => Err(format!("account {bad:?} is no name of an account")),
            None => Ok(()),
        }
    }
}

fn invalid(resource: &Resource, reason: &str) -> BrokerError {
    BrokerError::Invalid(format!("the settings of {}: {reason}", resource.name))
}

fn is_address(address: &str) -> bool {
    let Some((host, port)) = address.rsplit_once(':') else {
        return false;
    };
    let bracketed = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let named = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let host_fits = match bracketed {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.len() <= 253 && host.bytes().all(named),
    };
    host_fits
        && port.bytes().all(|byte| byte.is_ascii_digit())
        && port.parse::<u16>().is_ok_and(|port| port > 0)
}

/// The lines to place at the host.
pub fn instructions(resource: &Resource, opener: Opener<'_>) -> String {
    let name = &resource.name;
    let (account, address) = match Settings::of(resource) {
        Ok(settings) => (settings.account, settings.address),
        Err(_) => ("ACCOUNT".to_owned(), "HOST:PORT".to_owned()),
    };
    let (host, port) = address.rsplit_once(':').unwrap_or((&address, "22"));
    let host = host.trim_matches(['[', ']']);
    let trust = match opener {
        Opener::Authority(authority) => format!(
            "# on {name}: trust certificates of this installation\n\
             # /etc/ssh/portcullis_ca.pub\n\
             {authority}\n\
             # /etc/ssh/sshd_config; a certificate names the account it is for, so no\n\
             # AuthorizedPrincipalsFile is needed (where there is one, list the account in it)\n\
             TrustedUserCAKeys /etc/ssh/portcullis_ca.pub\n"
        ),
        Opener::Key { secret, public } => format!(
            "# on {name}: let the vaulted key {secret} in, nothing else on its line\n\
             # ~{account}/.ssh/authorized_keys\n\
             restrict,pty {public}\n"
        ),
        Opener::Password { secret } => format!(
            "# on {name}: let {account} in with its password, which is the vaulted {secret}\n\
             # /etc/ssh/sshd_config\n\
             Match User {account}\n    PasswordAuthentication yes\n"
        ),
    };
    format!(
        "{trust}\
         # how to read the host key, to be compared with `ssh-keygen -lf` on the host itself\n\
         # ssh-keyscan -t ed25519,ecdsa -p {port} {host}\n"
    )
}

#[cfg(test)]
mod tests {
    use portcullis_model::id::TypedId;
    use portcullis_model::{Environment, ResourceId, Sensitivity, Timestamp};

    use super::*;

    #[test]
    fn what_is_to_be_placed_fits_what_opens_the_host() {
        let resource = Resource {
            id: ResourceId::from_parts(Timestamp::from_millis(1), [1; 10]),
            name: "web-1".to_owned(),
            kind: "ssh".to_owned(),
            environment: Environment::Production,
            sensitivity: Sensitivity::Internal,
            owners: [].into(),
            credential: None,
            settings: serde_json::Value::Null,
        };
        let lines = [
            "TrustedUserCAKeys",
            "restrict,pty ssh-ed25519 AAAA",
            "PasswordAuthentication",
        ];
        let (secret, public) = ("web-1-root", "ssh-ed25519 AAAA");
        for (opener, line) in [
            (Opener::Authority("ssh-ed25519 CA"), 0),
            (Opener::Key { secret, public }, 1),
            (Opener::Password { secret }, 2),
        ] {
            let told = instructions(&resource, opener);
            for (number, text) in lines.iter().enumerate() {
                assert_eq!(told.contains(text), number == line, "{text} in {told}");
            }
        }
    }

    #[test]
    fn addresses_are_a_host_and_a_port() {
        for good in [
            "web-1:22",
            "192.0.2.7:2222",
            "[2001:db8::1]:22",
            "a.b.c:65535",
        ] {
            assert!(is_address(good), "{good}");
        }
        for bad in [
            "",
            "web-1",
            "web-1:",
            "web-1:0",
            "web-1:65536",
            ":22",
            "web 1:22",
            "2001:db8::1:22",
            "web-1:+22",
            "[web-1]:22",
            "web-1:22\n",
            "-oX@web:22/",
        ] {
            assert!(!is_address(bad), "{bad}");
        }
    }
}
