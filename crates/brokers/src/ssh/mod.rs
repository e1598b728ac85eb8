//! SSH: plain OpenSSH clients in front, real sshds behind. Shells and single commands; everything else
//! the protocol could carry is refused by name.
//!
//! [`machine`] and [`channel`] are pure; [`shell`] owns a connection, [`relay`] one session on it.

mod admission;
mod channel;
mod limits;
mod login;
mod machine;
mod orders;
mod parse;
mod parting;
mod probe;
mod pump;
mod recorder;
mod relay;
mod serve;
mod settings;
mod shell;
mod target;

use async_trait::async_trait;
use portcullis_classify::task;
use portcullis_model::{
    Action, ActionDescriptor, Classified, KindDescriptor, ParamDescriptor, Resource, Secret,
    Sighting,
};
use portcullis_ports::broker::Endpoint;
use portcullis_ports::clock::random;
use portcullis_ports::control::TargetCredential;
use portcullis_ports::{Broker, BrokerError, BrokerSettings, Entropy, Opener};
use portcullis_wire::ssh::HostKey;
use tokio::net::TcpListener;

use settings::Settings;

// Strangers write what these read: they are open to be fuzzed.
pub use login::parse as read_login;
pub use probe::read_sighting;

/// The broker.
#[derive(Debug, Clone, Copy)]
pub struct Door;

#[async_trait]
impl Broker for Door {
    fn descriptor(&self) -> KindDescriptor {
        KindDescriptor {
            name: "ssh",
            title: "SSH host",
            settings: schemars::schema_for!(Settings),
            actions: vec![
                action(parse::SHELL, "Open a shell", false),
                action(parse::EXEC, "Run one command", true),
                declared(),
            ],
            connect_hint: "ssh {name}",
        }
    }

    fn parse(&self, resource: &Resource, words: &[String]) -> Result<Action, BrokerError> {
        parse::parse(&Settings::of(resource)?, words)
    }

    fn offers(&self, resource: &Resource) -> Result<Vec<Action>, BrokerError> {
        let settings = Settings::of(resource)?;
        Ok(settings.accounts().into_iter().map(parse::shell).collect())
    }

    fn classify(&self, _resource: &Resource, action: &Action) -> Classified {
        portcullis_classify::shell::classify(action).unwrap_or_else(|| {
            Classified::worst(format!("an SSH host knows no action {:?}", action.name))
        })
    }

    fn forced(&self, action: &Action) -> Option<String> {
        let command = action.param(task::COMMAND)?;
        (action.name == task::TASK).then(|| parting::forced(command))
    }

    async fn sight(
        &self,
        resource: &Resource,
        account: &str,
        program: &str,
        credential: TargetCredential,
    ) -> Result<Sighting, BrokerError> {
        probe::look(resource, account, program, credential).await
    }

    fn endpoint(&self, resource: &Resource) -> Result<Endpoint, BrokerError> {
        let settings = Settings::of(resource)?;
        Ok(Endpoint {
            accounts: settings.accounts().into_iter().map(str::to_owned).collect(),
            address: settings.address,
            host_keys: settings.host_keys,
        })
    }

    fn generate_host_key(
        &self,
        entropy: &dyn Entropy,
    ) -> Result<(Secret<String>, String), BrokerError> {
        let key = HostKey::generate(&Secret::new(random(entropy)));
        let private = key
            .openssh()
            .map_err(|error| BrokerError::HostKey(error.to_string()))?;
        Ok((private, key.public().to_string()))
    }

    fn target_instructions(&self, resource: &Resource, opener: Opener<'_>) -> String {
        settings::instructions(resource, opener)
    }

    async fn serve(
        &self,
        listener: TcpListener,
        settings: BrokerSettings,
    ) -> Result<(), BrokerError> {
        serve::serve(listener, settings).await
    }
}

fn action(name: &'static str, title: &'static str, one_use: bool) -> ActionDescriptor {
    let account = ParamDescriptor {
        name: parse::ACCOUNT,
        help: "the account at the host",
        default_from: Some("account"),
        rest: false,
    };
    let command = one_use.then_some(ParamDescriptor {
        name: parse::COMMAND,
        help: "the command line, as the account's login shell will read it",
        default_from: None,
        rest: true,
    });
    ActionDescriptor {
        name,
        title,
        brokered: true,
        one_use,
        params: std::iter::once(account).chain(command).collect(),
    }
}

/// What owners declared: asked for by its name and words, which say the account too.
fn declared() -> ActionDescriptor {
    let word = |name, help, rest| ParamDescriptor {
        name,
        help,
        default_from: None,
        rest,
    };
    ActionDescriptor {
        name: task::TASK,
        title: "Run a declared task",
        brokered: true,
        one_use: true,
        params: vec![
            word(
                task::NAME,
                "the task's name: `portcullis tasks list`",
                false,
            ),
            word(
                task::WORDS,
                "its words, as `portcullis tasks show` says",
                true,
            ),
        ],
    }
}
