//! How a plug-in describes itself. Forms, checks, help and policy attributes are drawn from this;
//! nothing outside a plug-in's folder matches on its name.

use schemars::Schema;
use serde::Serialize;

/// A kind of resource, connector, broker or sign-in method.
#[derive(Debug, Clone, Serialize)]
pub struct KindDescriptor {
    /// The name in configuration and records: `ssh`, `postgres`.
    pub name: &'static str,
    /// For people: `PostgreSQL database`.
    pub title: &'static str,
    /// The JSON schema of its settings.
    pub settings: Schema,
    /// The actions it offers, in the order to show them.
    pub actions: Vec<ActionDescriptor>,
    /// How to reach a resource of this kind once access is granted; `{name}` is the resource.
    pub connect_hint: &'static str,
}

/// One action of a kind.
#[derive(Debug, Clone, Serialize)]
pub struct ActionDescriptor {
    /// The name in requests and leaves.
    pub name: &'static str,
    /// For people: `Open a shell`.
    pub title: &'static str,
    /// Whether a use is a brokered session; otherwise it is an entitlement assigned at the target.
    pub brokered: bool,
    /// Whether one approval covers one use (an exact command) or a window of time.
    pub one_use: bool,
    /// Its parameters.
    pub params: Vec<ParamDescriptor>,
}

/// One parameter of an action.
#[derive(Debug, Clone, Serialize)]
pub struct ParamDescriptor {
    /// The name in requests and leaves.
    pub name: &'static str,
    /// What it means.
    pub help: &'static str,
    /// The setting of the resource that gives the value when the caller does not.
    pub default_from: Option<&'static str>,
    /// Whether everything after `--` is its value.
    pub rest: bool,
}

impl KindDescriptor {
    /// An action by name.
    pub fn action(&self, name: &str) -> Option<&ActionDescriptor> {
        self.actions.iter().find(|action| action.name == name)
    }
}
