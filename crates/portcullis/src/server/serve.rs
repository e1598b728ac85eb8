//! `serve`: the server.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use portcullis_api::{DoorAddress, Reachable, Router, TlsIdentity};
use portcullis_engine::{Engine, Options, Running, Unlock};
use portcullis_model::Secret;
use portcullis_ports::{Broker, BrokerSettings, failpoints};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::config::{Config, ServerSection};
use super::folder::{DataFolder, replace_private};
use super::interruption::{Hangup, Interruption};
use super::witnesses::witnesses;
use super::{OsEntropy, ports, telling};
use crate::args::Global;
use crate::args::server::ServeArgs;
use crate::outcome::Outcome;
use crate::{output, secret_file};

/// A served installation.
pub(crate) struct Server {
    running: Running,
    stop: watch::Sender<bool>,
    doors: JoinSet<()>,
    /// Where the API listens.
    pub(crate) https: SocketAddr,
    /// Where the SSH door listens.
    pub(crate) ssh: SocketAddr,
}

/// Runs `serve` until it is told to stop.
pub(crate) async fn run(global: &Global, args: ServeArgs) -> anyhow::Result<Outcome> {
    start_logging();
    // Before anything is opened: it depends on nothing there.
    Config::default().check_roles(args.role)?;
    let mut interruption = Interruption::listen(Hangup::AsUsual)?;
    let asked = telling::listen()?;
    let folder = DataFolder::open(&global.data)?;
    let config = Config::read(&folder, args.config.as_deref())?;
    config.check_roles(args.role)?;
    let start = Start {
        trust_clock: args.trust_clock,
        ..Start::with(&folder, &config, args.unlock.as_deref())?
    };
    let mut server = Server::start(&folder, &config, start).await?;
    output::line(format!(
        "portcullis: https://{} ssh {}",
        server.https, server.ssh
    ))?;
    if let Some(url) = &config.server.url {
        let (url, host, port) = (url.as_str(), url.host(), server.ssh.port());
        output::line(format!(
            "people use {url}, and the SSH door at {host} port {port}"
        ))?;
    }
    let broken = tokio::select! {
        () = interruption.heard() => None,
        broken = server.broken() => Some(broken),
        never = telling::tell_when_asked(asked) => match never {},
    };
    server.stop().await;
    if let Some(what) = broken {
        bail!(
            "{what} ended unasked and the server does not go on without it: see the log above, then start it anew"
        );
    }
    Ok(Outcome::Done)
}

/// What is logged unless the environment says otherwise. Nothing of russh's: it writes a line, some with the other
/// side's words, for whatever a host or a stranger sends out of order, as often as they send it.
const LOGGED: &str = "warn,portcullis=info,russh=off";

/// Logs to standard error; what is logged is chosen by the usual filter of the environment.
pub(crate) fn start_logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("PORTCULLIS_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(LOGGED));
    // A second call in one process changes nothing.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .try_init();
}

/// How an installation is opened.
pub(crate) struct Start {
    /// What opens its vault.
    pub(crate) unlock: Unlock,
    /// What that was read from, for whoever has to mend it.
    pub(crate) by: String,
    /// Whether the machine's clock is right though the ledger is ahead of it.
    pub(crate) trust_clock: bool,
}

impl Start {
    /// Reads what opens the vault: the file named, or else the configured online slot's.
    fn with(folder: &DataFolder, config: &Config, named: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = named else {
            let path = config.unlock.identity_in(folder);
            let identity = secret_file::read(&path)
                .context("the online key slot; another is given with --unlock")?;
            return Ok(Self::by(&path, Unlock::Online(identity)));
        };
        let text = secret_file::read(path)?;
        let unlock = if text.expose().contains("AGE-SECRET-KEY-") {
            Unlock::Online(text)
        } else {
            Unlock::Passphrase(secret_file::without_blanks(&text))
        };
        Ok(Self::by(path, unlock))
    }

    fn by(path: &Path, unlock: Unlock) -> Self {
        Self {
            unlock,
            by: path.display().to_string(),
            trust_clock: false,
        }
    }
}

impl Server {
    /// Opens an installation and starts every door.
    pub(crate) async fn start(
        folder: &DataFolder,
        config: &Config,
        start: Start,
    ) -> anyhow::Result<Self> {
        let mut ports = ports(folder)?;
        ports.witnesses = witnesses(&config.ledger)?;
        let brokers = ports.brokers.clone();
        let certificate =
            std::fs::read_to_string(folder.certificate()).with_context(|| named(folder))?;
        let https = bind(config.listen.https, "listen.https").await?;
        let ssh = bind(config.listen.ssh, "listen.ssh").await?;
        let options = Options {
            auditors: config.tape.auditors.clone(),
            auditors_only: config.tape.auditors_only,
            tape_quota: config.tape.quota(),
            trust_clock: start.trust_clock,
        };
        let running = Running::start(ports, options, start.unlock).await;
        let running = running.with_context(|| {
            format!(
                "opening the installation in {} with {}",
                folder.path().display(),
                start.by
            )
        })?;
        let tls = tls(&running.engine, certificate);
        if let Err(error) = tls.check() {
            running.stop().await;
            return Err(error).with_context(|| named(folder));
        }
        let (stop, stopped) = watch::channel(false);
        let addresses = (https.local_addr()?, ssh.local_addr()?);
        let mut doors = JoinSet::new();
        let router = router(&running.engine, &config.server, addresses.1);
        doors.spawn(serve_https(router, https, tls, stopped.clone()));
        doors.spawn(serve_ssh(&running.engine, &brokers, ssh, stopped).await?);
        say_addresses(folder, addresses)?;
        Ok(Self {
            running,
            stop,
            doors,
            https: addresses.0,
            ssh: addresses.1,
        })
    }

    /// The engine behind the doors.
    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.running.engine
    }

    /// Waits until a part of it has ended that should go on until it is stopped; says which.
    pub(crate) async fn broken(&mut self) -> &'static str {
        tokio::select! {
            part = self.running.broken() => part,
            Some(_) = self.doors.join_next() => "a door",
        }
    }

    /// Closes the doors, then stops the engine.
    pub(crate) async fn stop(mut self) {
        self.stop.send_replace(true);
        while let Some(closed) = self.doors.join_next().await {
            if let Err(error) = closed {
                tracing::error!(%error, "a door did not close cleanly");
            }
        }
        self.running.stop().await;
    }
}

async fn bind(address: SocketAddr, setting: &str) -> anyhow::Result<TcpListener> {
    let bound = TcpListener::bind(address).await;
    bound.with_context(|| format!("{setting} {address} cannot be listened on"))
}

fn named(folder: &DataFolder) -> String {
    format!(
        "the server's certificate {}",
        folder.certificate().display()
    )
}

fn tls(engine: &Engine, certificate: String) -> TlsIdentity {
    TlsIdentity {
        cert_pem: certificate,
        key: Secret::new(engine.tls_key().expose().clone()),
    }
}

/// The API, which tells where people find it and the SSH door.
fn router(engine: &Arc<Engine>, server: &ServerSection, ssh: SocketAddr) -> Router {
    let url = server.url.as_ref();
    let door = DoorAddress {
        host: url.map(|url| url.host().to_owned()),
        port: ssh.port(),
    };
    let reachable = Reachable {
        url: url.map(|url| url.as_str().to_owned()),
        doors: [(SSH_DOOR.to_owned(), door)].into(),
    };
    portcullis_api::router(Arc::clone(engine), reachable)
}

async fn serve_https(
    router: Router,
    listener: TcpListener,
    tls: TlsIdentity,
    stopped: watch::Receiver<bool>,
) {
    if let Err(error) = portcullis_api::serve_https(listener, router, tls, stopped).await {
        tracing::error!(%error, "the API ended");
    }
}

async fn serve_ssh(
    engine: &Arc<Engine>,
    brokers: &[Arc<dyn Broker>],
    listener: TcpListener,
    shutdown: watch::Receiver<bool>,
) -> anyhow::Result<impl Future<Output = ()> + Send + use<>> {
    let broker = brokers
        .iter()
        .find(|broker| broker.descriptor().name == SSH_DOOR);
    let broker = Arc::clone(broker.context("this program has no SSH door")?);
    let settings = BrokerSettings {
        host_key: engine.door_key(SSH_DOOR).await?,
        control: failpoints::control(engine.clone()),
        clock: engine.clock(),
        entropy: Arc::new(OsEntropy),
        shutdown,
    };
    Ok(async move {
        if let Err(error) = broker.serve(listener, settings).await {
            tracing::error!(%error, "the SSH door ended");
        }
    })
}

/// The broker that `listen.ssh` belongs to.
const SSH_DOOR: &str = "ssh";

fn say_addresses(
    folder: &DataFolder,
    (https, ssh): (SocketAddr, SocketAddr),
) -> anyhow::Result<()> {
    let said = serde_json::json!({ "https": https, "ssh": ssh });
    replace_private(&folder.addresses(), said.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use tracing::{Level, enabled};
    use tracing_subscriber::EnvFilter;

    use super::LOGGED;

    #[test]
    fn nobody_fills_the_log_by_what_they_send_out_of_order() {
        let filter = EnvFilter::new(LOGGED);
        let subscriber = tracing_subscriber::fmt().with_env_filter(filter).finish();
        tracing::subscriber::with_default(subscriber, || {
            assert!(!enabled!(target: "russh::client::encrypted", Level::ERROR));
            assert!(!enabled!(target: "russh::server::encrypted", Level::ERROR));
            assert!(enabled!(target: "portcullis_engine::sessions", Level::INFO));
            assert!(enabled!(target: "hyper::proto", Level::WARN));
        });
    }
}
