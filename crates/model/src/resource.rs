//! What access is asked for: a host, a database, anything a connector or broker knows.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{IdentityId, ResourceId};

/// What depends on a resource. Mandatory, since isolation between environments is decided by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// Nobody but developers.
    Development,
    /// Testers, and the release in preparation.
    Staging,
    /// Customers.
    Production,
}

impl Environment {
    /// The word used in policies, output and leaves.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Staging => "staging",
            Self::Production => "production",
        }
    }
}

/// The most sensitive data a resource holds, as its owner says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sensitivity {
    /// Data of the organisation without a special label.
    Internal,
    /// Personal, financial or otherwise protected data.
    Sensitive,
    /// Credentials and keys.
    Secret,
}

impl Sensitivity {
    /// The word used in policies, output and leaves.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Sensitive => "sensitive",
            Self::Secret => "secret",
        }
    }
}

/// A resource as the record has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// Its identifier.
    pub id: ResourceId,
    /// Its unique name, lower case: what people type.
    pub name: String,
    /// The name of its kind: the plug-in that knows how to reach it.
    pub kind: String,
    /// What depends on it.
    pub environment: Environment,
    /// What it holds.
    pub sensitivity: Sensitivity,
    /// Who answers for it; never empty.
    pub owners: BTreeSet<IdentityId>,
    /// The name of the vaulted secret that opens it to Portcullis; absent where the target trusts our
    /// certificate authority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// The kind's own settings, checked against its schema. Holds no secret, only names of them.
    pub settings: serde_json::Value,
}
