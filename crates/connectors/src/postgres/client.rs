//! One connection to a target: protected, pinned to the server's own names, bounded in time.

use std::error::Error as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use portcullis_ports::{ConnectorError, Target};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, Error, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::settings::Settings;

/// How long reaching a target may take.
const CONNECT: Duration = Duration::from_secs(5);

/// Names are looked up among the server's own objects only, whatever the target's users created; nothing
/// waits for long; moments are written in one way; no statement of ours runs long enough to be worth
/// compiling, which the planner believes of some.
const OPTIONS: &str = "-c search_path=pg_catalog,pg_temp -c statement_timeout=15s -c lock_timeout=5s \
     -c idle_in_transaction_session_timeout=30s -c datestyle=ISO -c timezone=UTC -c jit=off";

/// Opens a connection with a target's settings and credential.
pub(super) async fn connect(
    target: &Target<'_>,
    settings: &Settings,
) -> Result<Client, ConnectorError> {
    let mut config = Config::new();
    config
        .host(&settings.host)
        .port(settings.port)
        .dbname(&settings.database)
        .user(&settings.user)
        .password(target.credential.expose())
        .application_name("portcullis")
        .options(OPTIONS)
        .connect_timeout(CONNECT)
        .tcp_user_timeout(CONNECT);
    let unreachable = |cause| ConnectorError::Unreachable {
        target: target.resource.name.clone(),
        cause,
    };
    match tokio::time::timeout(CONNECT * 2, open(&mut config, settings)).await {
        Ok(Ok(client)) => Ok(client),
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

async fn open(config: &mut Config, settings: &Settings) -> Result<Client, Trouble> {
    let Some(ca_file) = settings.ca_file.as_deref().filter(|_| settings.verifies()) else {
        config.ssl_mode(SslMode::Disable);
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        return Ok(client);
    };
    config.ssl_mode(SslMode::Require);
    let tls = MakeRustlsConnect::new(verifying(ca_file).await.map_err(Trouble::Way)?);
    let (client, connection) = config.connect(tls).await?;
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

/// The error of something attempted at a target, by cause: the target said no, or it is gone.
pub(super) fn failed(target: &Target<'_>, what: &str, error: &Error) -> ConnectorError {
    let name = target.resource.name.clone();
    let cause = told(error);
    match error.as_db_error() {
        Some(_) => refused(target, what, cause),
        None => ConnectorError::Unreachable {
            target: name,
            cause: format!("while trying to {what}: {cause}"),
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
        return format!("{} ({})", server.message(), server.code().code());
    }
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
