//! One connection to a target: protected, pinned to the server's own names, bounded in time and bytes.

use std::error::Error as _;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use portcullis_ports::{ConnectorError, Target};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Client, Config, Error, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::answer::{Budget, Metered, Unread};
use super::settings::Settings;

/// How long reaching a target may take.
const CONNECT: Duration = Duration::from_secs(5);

/// Names are looked up among the server's own objects only, whatever the target's users created; nothing
/// waits for long; moments are written in one way; no statement of ours runs long enough to be worth
/// compiling, which the planner believes of some.
const OPTIONS: &str = "-c search_path=pg_catalog,pg_temp -c statement_timeout=15s -c lock_timeout=5s \
     -c idle_in_transaction_session_timeout=30s -c datestyle=ISO -c timezone=UTC -c jit=off";

/// The longest cause that is told: it is the server's own words.
const MOST_TOLD: usize = 1_000;

/// Opens a connection with a target's settings and credential, and what the server may send over it in one call.
pub(super) async fn connect(
    target: &Target<'_>,
    settings: &Settings,
) -> Result<(Client, Budget), ConnectorError> {
    let mut config = Config::new();
    config
        .dbname(&settings.database)
        .user(&settings.user)
        .password(target.credential.expose())
        .application_name("portcullis")
        .options(OPTIONS);
    let unreachable = |cause| ConnectorError::Unreachable {
        target: target.resource.name.clone(),
        cause,
    };
    match tokio::time::timeout(CONNECT * 2, open(&mut config, settings)).await {
        Ok(Ok(connected)) => Ok(connected),
        Ok(Err(Trouble::Login(cause))) => {
            let what = format!("let {:?} log in", settings.user);
            Err(refused(target, &what, cause))
        }
        Ok(Err(Trouble::Way(cause))) => Err(unreachable(cause)),
        Err(_late) => Err(unreachable("it does not answer".to_owned())),
    }
}

/// Why there is no connection.
enum Trouble {
    /// The server answered, and does not want this login.
    Login(String),
    /// There is no way to the server, or none that can be trusted, or it is not ready.
    Way(String),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        let cause = told(&error);
        // Classes of SQLSTATE: invalid authorization, invalid catalog (database) name, access rule.
        let login = ["28", "3D", "42"];
        match error.code() {
            Some(state) if login.iter().any(|class| state.code().starts_with(class)) => {
                Self::Login(cause)
            }
            _ => Self::Way(cause),
        }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Way(error.to_string())
    }
}

async fn open(config: &mut Config, settings: &Settings) -> Result<(Client, Budget), Trouble> {
    if settings.host.starts_with('/') {
        let path = format!("{}/.s.PGSQL.{}", settings.host, settings.port);
        return log_in(config, settings, UnixStream::connect(path).await?).await;
    }
    let socket = TcpStream::connect((settings.host.as_str(), settings.port)).await?;
    socket.set_nodelay(true)?;
    log_in(config, settings, socket).await
}

async fn log_in<S>(
    config: &mut Config,
    settings: &Settings,
    socket: S,
) -> Result<(Client, Budget), Trouble>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let budget = Budget::of_login();
    let socket = Metered {
        socket,
        budget: budget.clone(),
    };
    let client = match settings.ca_file.as_deref().filter(|_| settings.verifies()) {
        None => start(config.ssl_mode(SslMode::Disable), socket, NoTls).await?,
        Some(ca_file) => {
            let trusted = verifying(ca_file).await.map_err(Trouble::Way)?;
            let mut tls = MakeRustlsConnect::new(trusted);
            let tls = MakeTlsConnect::<Metered<S>>::make_tls_connect(&mut tls, &settings.host)
                .map_err(|error| Trouble::Way(error.to_string()))?;
            start(config.ssl_mode(SslMode::Require), socket, tls).await?
        }
    };
    budget.renew();
    Ok((client, budget))
}

async fn start<S, T>(config: &Config, socket: S, tls: T) -> Result<Client, Error>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    T: TlsConnect<S>,
    T::Stream: Send + 'static,
{
    let (client, connection) = config.connect_raw(socket, tls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// A configuration that trusts the certificates of one file and nothing else.
async fn verifying(ca_file: &Path) -> Result<ClientConfig, String> {
    let named = |cause: String| format!("ca_file {}: {cause}", ca_file.display());
    let pem = tokio::fs::read(ca_file)
        .await
        .map_err(|error| named(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| named(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| named(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(named("there is no certificate in it".to_owned()));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// The error of something attempted at a target, by cause: the target said no or too much, or it is gone.
pub(super) fn failed(target: &Target<'_>, what: &str, error: &Unread) -> ConnectorError {
    match error {
        Unread::TooMuch => refused(target, what, Unread::TOO_MUCH),
        Unread::Server(error) if error.as_db_error().is_some() => {
            refused(target, what, told(error))
        }
        Unread::Server(error) => ConnectorError::Unreachable {
            target: target.resource.name.clone(),
            cause: format!("while trying to {what}: {}", told(error)),
        },
    }
}

/// The target, or its state, stands against what was attempted.
pub(super) fn refused(target: &Target<'_>, what: &str, cause: impl Into<String>) -> ConnectorError {
    ConnectorError::Refused {
        target: target.resource.name.clone(),
        what: what.to_owned(),
        cause: cause.into(),
    }
}

/// What the server or the client said, causes included, in one line.
pub(super) fn told(error: &Error) -> String {
    if let Some(server) = error.as_db_error() {
        let words: String = server.message().chars().take(MOST_TOLD).collect();
        let state: String = server.code().code().chars().take(MOST_TOLD).collect();
        return format!("{words} ({state})");
    }
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
