//! The settings of a PostgreSQL resource, and what can be wrong with them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;

use portcullis_model::Resource;
use portcullis_ports::ConnectorError;
use schemars::JsonSchema;
use serde::Deserialize;

use super::quote;

/// How to reach a database, and what it offers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// Host name or address; a folder (starting with `/`) for a Unix socket.
    pub host: String,
    /// Port.
    #[serde(default = "default_port")]
    pub port: u16,
    /// The database whose rights are read.
    pub database: String,
    /// The role Portcullis logs in as. It needs ADMIN OPTION on the roles below, `pg_signal_backend` and
    /// `pg_read_all_stats`.
    pub user: String,
    /// How the connection is protected; not needed on a loopback address or a Unix socket.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// The certificates (PEM) of the authority that signed the server's; for `verify-full`.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// What can be asked for: a name for people, and the role it assigns.
    pub entitlements: BTreeMap<String, String>,
    /// Login roles of people whose role is not called like they are: identity name to role.
    #[serde(default)]
    accounts: BTreeMap<String, String>,
}

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Tls {
    /// TLS; the certificate is verified, and that it names the host.
    VerifyFull,
    /// None: password hashes and statements can be read on the way.
    Disable,
}

const fn default_port() -> u16 {
    5432
}

impl Settings {
    /// Reads the settings of a resource and refuses what cannot work.
    pub fn of(resource: &Resource) -> Result<Self, ConnectorError> {
        let invalid = |cause: String| {
            ConnectorError::Invalid(format!("the settings of {}: {cause}", resource.name))
        };
        let settings =
            Self::deserialize(&resource.settings).map_err(|error| invalid(error.to_string()))?;
        settings.check().map_err(invalid)?;
        Ok(settings)
    }

    /// The role behind an entitlement.
    pub fn role(&self, entitlement: &str) -> Result<&str, ConnectorError> {
        self.entitlements
            .get(entitlement)
            .map(String::as_str)
            .ok_or_else(|| {
                let names: Vec<&str> = self.entitlements.keys().map(String::as_str).collect();
                ConnectorError::Invalid(format!(
                    "there is no entitlement {entitlement:?} here; there is: {}",
                    names.join(", ")
                ))
            })
    }

    /// Whether the connection is to be encrypted and verified.
    pub fn verifies(&self) -> bool {
        match self.tls {
            Some(tls) => tls == Tls::VerifyFull,
            None => !self.is_local(),
        }
    }

    fn is_local(&self) -> bool {
        self.host.starts_with('/')
            || self.host == "localhost"
            || self
                .host
                .parse()
                .is_ok_and(|address: IpAddr| address.is_loopback())
    }

    fn check(&self) -> Result<(), String> {
        for (field, value) in [("host", &self.host), ("database", &self.database)] {
            if value.is_empty() || value.contains('\0') {
                return Err(format!("{field} is empty or contains a NUL character"));
            }
        }
        if self.verifies() && self.ca_file.is_none() {
            return Err(format!(
                "{} is reached over a network: set ca_file to the certificate of its authority, or tls = \"disable\"",
                self.host
            ));
        }
        self.check_roles()
    }

    fn check_roles(&self) -> Result<(), String> {
        quote::role(&self.user).map_err(|error| error.to_string())?;
        if self.entitlements.is_empty() {
            return Err("entitlements is empty: nothing could be asked for".to_owned());
        }
        for (name, role) in &self.entitlements {
            if name.is_empty() || name.chars().any(|c| c.is_whitespace() || c.is_control()) {
                return Err(format!("the entitlement name {name:?} is not one word"));
            }
            quote::role(role).map_err(|error| error.to_string())?;
            if *role == self.user {
                return Err(format!("the entitlement {name} is Portcullis' own role"));
            }
        }
        let mut logins = BTreeSet::new();
        for role in self.accounts.values() {
            quote::role(role).map_err(|error| error.to_string())?;
            if !logins.insert(role) {
                return Err(format!("two people share the account {role:?}"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(change: impl FnOnce(&mut Value)) -> Result<Settings, String> {
        let mut value = json!({
            "host": "127.0.0.1",
            "database": "shop",
            "user": "portcullis",
            "entitlements": {"read": "analytics_read"},
        });
        change(&mut value);
        let settings = Settings::deserialize(&value).map_err(|error| error.to_string())?;
        settings.check().map(|()| settings)
    }

    fn refused(change: impl FnOnce(&mut Value)) -> String {
        match read(change) {
            Ok(settings) => panic!("{settings:?} was accepted"),
            Err(cause) => cause,
        }
    }

    #[test]
    fn the_least_settings_are_enough_and_take_the_usual_port() {
        let settings = read(|_| ()).unwrap();
        assert_eq!((settings.port, settings.verifies()), (5432, false));
        assert_eq!(settings.role("read").unwrap(), "analytics_read");
    }

    #[test]
    fn an_entitlement_that_does_not_exist_is_refused_with_those_that_do() {
        let refused = read(|_| ()).unwrap().role("write").unwrap_err().to_string();
        assert!(refused.contains("\"write\"") && refused.contains("there is: read"));
    }

    #[test]
    fn a_misspelt_or_missing_key_is_refused_by_name() {
        assert!(refused(|value| value["pasword"] = json!("x")).contains("pasword"));
        assert!(refused(|value| value["host"] = Value::Null).contains("null"));
    }

    #[test]
    fn beyond_this_host_the_connection_is_verified_or_deliberately_open() {
        assert!(refused(|value| value["host"] = json!("db.example")).contains("ca_file"));
        let open = read(|value| {
            value["host"] = json!("db.example");
            value["tls"] = json!("disable");
        });
        assert!(!open.unwrap().verifies());
        let verified = read(|value| {
            value["host"] = json!("db.example");
            value["ca_file"] = json!("/etc/ca.pem");
        });
        assert!(verified.unwrap().verifies());
        for local in ["localhost", "::1", "127.3.2.1", "/run/postgresql"] {
            let settings = read(|value| value["host"] = json!(local)).unwrap();
            assert!(!settings.verifies(), "{local}");
        }
        for elsewhere in ["localhost.example", "0.0.0.0", "10.0.0.1"] {
            let cause = refused(|value| value["host"] = json!(elsewhere));
            assert!(cause.contains("ca_file"), "{elsewhere}");
        }
    }

    #[test]
    fn roles_that_cannot_be_are_refused_before_anything_is_reached() {
        let two = |value: &mut Value| value["accounts"] = json!({"ana": "a", "bob": "a"});
        assert!(refused(two).contains("two people share"));
        let own = |value: &mut Value| value["entitlements"] = json!({"x": "portcullis"});
        assert!(refused(own).contains("own role"));
        for role in ["", "public", "a\0"] {
            refused(|value| value["entitlements"] = json!({"read": role}));
            refused(|value| value["accounts"] = json!({"ana": role}));
            refused(|value| value["user"] = json!(role));
        }
        refused(|value| value["entitlements"] = json!({}));
        refused(|value| value["entitlements"] = json!({"two words": "r"}));
    }
}
