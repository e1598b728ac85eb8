//! A broker whose resources can be asked for and decided on; no client ever comes to it.

use async_trait::async_trait;
use portcullis_model::{Action, ActionDescriptor, Classified, KindDescriptor, Resource, Secret};
use portcullis_ports::{Broker, BrokerError, BrokerSettings, Endpoint, Entropy, Opener};
use schemars::json_schema;
use serde_json::Value;
use tokio::net::TcpListener;

/// A kind with one action, `shell`.
pub struct Lodge;

#[async_trait]
impl Broker for Lodge {
    fn descriptor(&self) -> KindDescriptor {
        KindDescriptor {
            name: "lodge",
            title: "Lodge",
            settings: json_schema!({ "type": "object" }),
            actions: vec![ActionDescriptor {
                name: "shell",
                title: "Open a shell",
                brokered: true,
                one_use: false,
                params: Vec::new(),
            }],
            connect_hint: "knock at {name}",
        }
    }

    fn parse(&self, _: &Resource, words: &[String]) -> Result<Action, BrokerError> {
        match words {
            [word] if word == "shell" => Ok(Action::named("shell")),
            _ => Err(BrokerError::Invalid("a lodge only has a shell".to_owned())),
        }
    }

    fn offers(&self, _: &Resource) -> Result<Vec<Action>, BrokerError> {
        Ok(vec![Action::named("shell")])
    }

    fn classify(&self, _: &Resource, action: &Action) -> Classified {
        portcullis_classify::classify(action)
    }

    fn endpoint(&self, resource: &Resource) -> Result<Endpoint, BrokerError> {
        let said = |name: &str, otherwise: &str| {
            let setting = resource.settings.get(name).and_then(Value::as_str);
            setting.unwrap_or(otherwise).to_owned()
        };
        let accounts = said("accounts", "root");
        Ok(Endpoint {
            address: said("address", "192.0.2.1:22"),
            host_keys: vec![said("host_key", "key")],
            accounts: accounts.split(' ').map(str::to_owned).collect(),
        })
    }

    fn generate_host_key(&self, _: &dyn Entropy) -> Result<(Secret<String>, String), BrokerError> {
        Ok((Secret::new("private".to_owned()), "public".to_owned()))
    }

    fn target_instructions(&self, resource: &Resource, _: Opener<'_>) -> String {
        format!("open the gate of {}", resource.name)
    }

    async fn serve(&self, _: TcpListener, _: BrokerSettings) -> Result<(), BrokerError> {
        Ok(())
    }
}
