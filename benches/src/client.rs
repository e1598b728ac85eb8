//! The HTTP API over one connection that stays open, as a program of a person would use it.

use std::path::Path;

use reqwest::{Certificate, Method};
use serde_json::Value;

use crate::Failure;

/// A connection to a server.
pub struct Client {
    http: reqwest::Client,
    server: String,
}

impl Client {
    /// Trusts the server by its own certificate, and nothing else.
    pub fn new(server: &str, certificate: &Path) -> Result<Self, Failure> {
        // Another part of the process may have chosen the same already.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let trusted = Certificate::from_pem(&std::fs::read(certificate)?)?;
        let http = reqwest::Client::builder()
            .tls_certs_only([trusted])
            .tcp_nodelay(true)
            .build()?;
        Ok(Self {
            http,
            server: server.to_owned(),
        })
    }

    /// Reads.
    pub async fn get(&self, token: &str, path: &str) -> Result<Value, Failure> {
        self.call(Method::GET, Some(token), path, None).await
    }

    /// Does something; without a token as nobody yet.
    pub async fn post(
        &self,
        token: Option<&str>,
        path: &str,
        body: &Value,
    ) -> Result<Value, Failure> {
        self.call(Method::POST, token, path, Some(body)).await
    }

    async fn call(
        &self,
        method: Method,
        token: Option<&str>,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let url = format!("{}/api/v1{path}", self.server);
        let mut call = self.http.request(method, url);
        if let Some(token) = token {
            call = call.bearer_auth(token);
        }
        if let Some(body) = body {
            call = call.json(body);
        }
        let answer = call.send().await?;
        let status = answer.status();
        let bytes = answer.bytes().await?;
        if !status.is_success() {
            let said = String::from_utf8_lossy(&bytes);
            return Err(format!("{path} answered {status}: {said}").into());
        }
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        Ok(serde_json::from_slice(&bytes)?)
    }
}

/// A text inside an answer; empty where there is none.
pub fn text<'a>(answer: &'a Value, pointer: &str) -> &'a str {
    answer
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}
