//! What somebody wants to do to a resource, in the terms of the resource's kind.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// One action: a name the resource's kind declares, and its parameters. Two actions are the same
/// exactly when their canonical JSON is: that is what an approval binds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// The kind's name for it: `shell`, `exec`, `entitlement`.
    pub name: String,
    /// Its parameters, all as text, in the kind's own terms.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, String>,
}

impl Action {
    /// An action without parameters.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            params: BTreeMap::new(),
        }
    }

    /// The same action with one more parameter.
    #[must_use]
    pub fn with(mut self, param: impl Into<String>, value: impl Into<String>) -> Self {
        self.params.insert(param.into(), value.into());
        self
    }

    /// A parameter's value.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.get(name).map(String::as_str)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.params
            .iter()
            .try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}
