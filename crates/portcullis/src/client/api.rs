//! Calls of the API, with the server's problems as errors.

use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use reqwest::{Method, Response};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;
use serde_json::Value;

use super::{Home, Profile};
use crate::args::Global;
use crate::outcome::Usage;
use crate::server::folder::DataFolder;

/// The server when nobody says otherwise, and none on this host did.
const DEFAULT_SERVER: &str = "https://localhost:8443";

/// What to do when somebody else answers.
const WRONG_SERVER: &str =
    "see whether --server names a Portcullis of this version: portcullis --version";

/// How many items of a list are asked for at a time: the most a server gives.
const PAGE: usize = 200;

/// A problem as the server reports it (RFC 9457).
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Problem {
    /// The HTTP status.
    pub(crate) status: u16,
    /// For programs.
    pub(crate) code: String,
    /// What happened and why.
    pub(crate) detail: String,
    /// The next step.
    #[serde(default)]
    pub(crate) next: Option<String>,
}

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// The server said why.
    #[error("{}", .0.detail)]
    Problem(Problem),
    /// The server was not reached, or what came back is none of its answers.
    #[error("{server} cannot be talked to: {cause}")]
    Unreachable {
        /// The server.
        server: String,
        /// What the client said.
        cause: String,
        /// The next step.
        next: &'static str,
    },
}

/// Whether a name on the command line would make the path mean something else than what was called.
fn leads_elsewhere(path: &str) -> bool {
    let dots = path
        .split(['/', '\\', '?'])
        .any(|part| matches!(part, "." | ".."));
    dots || path.contains(['#', '%', '\\'])
}

/// The API, as somebody.
pub(crate) struct Api {
    client: reqwest::Client,
    server: String,
    ca: Option<String>,
    token: Option<String>,
}

impl Api {
    /// As the one who is signed in.
    pub(crate) fn signed_in(global: &Global) -> anyhow::Result<Self> {
        let profile = Home::of(global)?.load(global.identity.as_deref())?;
        let Profile {
            server, ca, token, ..
        } = profile;
        let ca = ca_text(global)?.or(ca);
        Self::new(global.server.as_deref().unwrap_or(&server), ca, Some(token))
    }

    /// As nobody yet.
    pub(crate) fn anonymous(global: &Global) -> anyhow::Result<Self> {
        let own = own_server(&global.data);
        let named = global.server.as_deref().or(own.as_deref());
        Self::new(named.unwrap_or(DEFAULT_SERVER), ca_text(global)?, None)
    }

    fn new(server: &str, ca: Option<String>, token: Option<String>) -> anyhow::Result<Self> {
        if !server.starts_with("https://") {
            anyhow::bail!(Usage(format!(
                "{server:?} is no address of a server: say --server https://HOST:PORT"
            )));
        }
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(ca.as_deref())?)
            .connect_timeout(std::time::Duration::from_secs(10))
            .user_agent(concat!("portcullis/", env!("CARGO_PKG_VERSION")))
            .build()
            .context("setting up the HTTP client")?;
        Ok(Self {
            client,
            server: server.trim_end_matches('/').to_owned(),
            ca,
            token,
        })
    }

    /// The server's address.
    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    /// The certificate it is trusted by.
    pub(crate) fn ca(&self) -> Option<&str> {
        self.ca.as_deref()
    }

    /// Reads.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, ApiError> {
        self.json(self.send(Method::GET, path, None, None).await?)
            .await
    }

    /// Reads a whole list, page after page.
    pub(crate) async fn list(&self, path: &str) -> Result<Value, ApiError> {
        let mut all = Vec::new();
        let mut after = String::new();
        loop {
            let mut page = self.get(&format!("{path}?limit={PAGE}{after}")).await?;
            if let Some(Value::Array(items)) = page.get_mut("items") {
                all.append(items);
            }
            match page.get("next").and_then(Value::as_str) {
                Some(next) => after = format!("&after={next}"),
                None => return Ok(Value::Array(all)),
            }
        }
    }

    /// Reads bytes.
    pub(crate) async fn get_bytes(&self, path: &str) -> Result<Vec<u8>, ApiError> {
        let response = self.send(Method::GET, path, None, None).await?;
        Ok(response
            .bytes()
            .await
            .map_err(|error| self.broken(&error))?
            .to_vec())
    }

    /// Reads what comes, as it comes.
    pub(crate) async fn stream(&self, path: &str) -> Result<Response, ApiError> {
        self.send(Method::GET, path, None, None).await
    }

    /// Does something.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, ApiError> {
        self.json(self.send(Method::POST, path, Some(body), None).await?)
            .await
    }

    /// Does something once, however often it is called with the same key.
    pub(crate) async fn post_once(
        &self,
        path: &str,
        body: &Value,
        key: &str,
    ) -> Result<Value, ApiError> {
        self.json(self.send(Method::POST, path, Some(body), Some(key)).await?)
            .await
    }

    /// Removes.
    pub(crate) async fn delete(&self, path: &str) -> Result<Value, ApiError> {
        self.json(self.send(Method::DELETE, path, None, None).await?)
            .await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        idempotency: Option<&str>,
    ) -> Result<Response, ApiError> {
        if leads_elsewhere(path) {
            return Err(ApiError::Problem(Problem {
                status: 400,
                code: "invalid".to_owned(),
                detail: format!("{path} names nothing: an identifier or a name has no such part"),
                next: None,
            }));
        }
        let mut request = self
            .client
            .request(method, format!("{}/api/v1{path}", self.server));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(key) = idempotency {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request
            .send()
            .await
            .map_err(|error| self.unreached(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(self.problem(response).await)
    }

    async fn problem(&self, response: Response) -> ApiError {
        let status = response.status();
        match response.json::<Problem>().await {
            Ok(problem) => ApiError::Problem(problem),
            Err(_) => ApiError::Unreachable {
                server: self.server.clone(),
                cause: format!("it answered {status} without saying why"),
                next: WRONG_SERVER,
            },
        }
    }

    async fn json(&self, response: Response) -> Result<Value, ApiError> {
        let bytes = response
            .bytes()
            .await
            .map_err(|error| self.broken(&error))?;
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes).map_err(|error| self.broken(&error))
    }

    /// No answer came.
    fn unreached(&self, error: &reqwest::Error) -> ApiError {
        let cause = cause(error);
        let next = if cause.contains("certificate") {
            "name the right certificate with --ca FILE (the server keeps its own in tls/certificate.pem of its data folder)"
        } else if error.is_connect() {
            "start the server (portcullis serve), try everything in a throwaway world (portcullis demo), or name another server with --server URL"
        } else {
            "look at it again in a moment: portcullis whoami"
        };
        ApiError::Unreachable {
            server: self.server.clone(),
            cause,
            next,
        }
    }

    /// An answer came that is none.
    fn broken(&self, error: &dyn std::error::Error) -> ApiError {
        ApiError::Unreachable {
            server: self.server.clone(),
            cause: cause(error),
            next: WRONG_SERVER,
        }
    }

    /// Whether a server is there at all, before anybody is asked for a password.
    pub(crate) async fn is_there(&self) -> Result<(), ApiError> {
        self.get("/health").await.map(|_| ())
    }
}

/// The cause of it all: what lies around it only says that there was one.
pub(crate) fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(inner) = innermost.source() {
        innermost = inner;
    }
    innermost.to_string()
}

/// Where the installation in the data folder last said that it listens. On this host alone, and where nobody but the
/// caller or root could have written it: others may have left a folder where a command is typed.
fn own_server(data: &Path) -> Option<String> {
    let folder = DataFolder::open(data).ok()?;
    let addresses = folder.addresses();
    let on_the_way = [Some(folder.path()), addresses.parent(), Some(&addresses)];
    if !on_the_way.into_iter().flatten().all(is_the_callers) {
        return None;
    }
    let said = std::fs::read(addresses).ok()?;
    let said: Value = serde_json::from_slice(&said).ok()?;
    let https: SocketAddr = said.get("https")?.as_str()?.parse().ok()?;
    let here = https.ip().is_loopback() || https.ip().is_unspecified();
    here.then(|| format!("https://localhost:{}", https.port()))
}

/// Whether only the caller and root can write to it.
fn is_the_callers(path: &Path) -> bool {
    let caller = rustix::process::geteuid().as_raw();
    path.symlink_metadata().is_ok_and(|found| {
        let theirs = found.uid() == caller || found.uid() == 0;
        theirs && found.permissions().mode() & 0o022 == 0
    })
}

/// The certificate that the options name; without one, that of an installation in the data folder.
fn ca_text(global: &Global) -> anyhow::Result<Option<String>> {
    let read = |path: &Path| {
        std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
    };
    if let Some(path) = &global.ca {
        return read(path).map(Some);
    }
    let own = global.data.join("tls/certificate.pem");
    if own.exists() {
        read(&own).map(Some)
    } else {
        Ok(None)
    }
}

/// What servers are trusted by: the certificate that is named, or else what this system trusts.
pub(crate) fn tls(ca: Option<&str>) -> anyhow::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    if let Some(pem) = ca {
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            roots.add(certificate.context("the certificate to trust is not PEM")?)?;
        }
    } else {
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn an_installation_on_this_host_says_where_it_listens_and_leads_nowhere_else() {
        let data = tempfile::tempdir().unwrap();
        let own = || own_server(data.path());
        assert_eq!(own(), None, "no server was started there");
        std::fs::create_dir(data.path().join("run")).unwrap();
        for (https, server) in [
            ("127.0.0.1:9443", Some("https://localhost:9443")),
            ("0.0.0.0:443", Some("https://localhost:443")),
            ("[::]:9443", Some("https://localhost:9443")),
            ("192.0.2.7:9443", None),
            ("nonsense", None),
        ] {
            let said = serde_json::json!({ "https": https, "ssh": "127.0.0.1:2222" });
            std::fs::write(data.path().join("run/addresses.json"), said.to_string()).unwrap();
            assert_eq!(own().as_deref(), server, "{https}");
        }
    }

    #[test]
    fn an_address_that_others_could_have_left_is_not_believed() {
        let data = tempfile::tempdir().unwrap();
        let run = data.path().join("run");
        std::fs::create_dir(&run).unwrap();
        let said = serde_json::json!({ "https": "127.0.0.1:9443" });
        let addresses = run.join("addresses.json");
        std::fs::write(&addresses, said.to_string()).unwrap();
        assert!(own_server(data.path()).is_some());
        let close =
            |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode));
        for open in [data.path(), &run, &addresses] {
            close(open, 0o777).unwrap();
            assert_eq!(own_server(data.path()), None, "{}", open.display());
            close(open, 0o700).unwrap();
        }
        assert!(own_server(data.path()).is_some());
    }

    #[test]
    fn a_name_cannot_lead_to_another_call() {
        for path in [
            "/requests/req_1",
            "/resources/web-1",
            "/requests?limit=2&after=req_1",
        ] {
            assert!(!leads_elsewhere(path), "{path}");
        }
        for path in [
            "/requests/../identities",
            "/requests/..",
            "/requests/%2e%2e/x",
            "/a/b#c",
        ] {
            assert!(leads_elsewhere(path), "{path}");
        }
    }
}
