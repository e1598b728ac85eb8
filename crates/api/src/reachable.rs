//! Where people find the server and its doors, for clients to go there unasked.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

/// Where people find the server, as its configuration and its sockets say.
#[derive(Debug, Clone, Default)]
pub struct Reachable {
    /// The API's address, where the configuration names one.
    pub url: Option<String>,
    /// Its other doors, by the door's name.
    pub doors: BTreeMap<String, DoorAddress>,
}

/// Where a door is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DoorAddress {
    /// Its host; the one at which the API was reached where this is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Its port.
    pub port: u16,
}
