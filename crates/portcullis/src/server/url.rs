//! The address that people use: `https://HOST` or `https://HOST:PORT`.

use reqwest::Url;
use serde::Deserialize;

/// An address of a server, and nothing behind it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct ServerUrl {
    text: String,
    host: String,
}

impl ServerUrl {
    /// As it was written, without a slash at its end.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Its host; an IPv6 address without brackets.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }
}

impl TryFrom<String> for ServerUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = |why: &str| {
            format!(
                "{text:?} is no address of a server ({why}): say https://HOST or https://HOST:PORT"
            )
        };
        let url = Url::parse(&text).map_err(|error| wrong(&error.to_string()))?;
        if url.scheme() != "https" {
            return Err(wrong("people are served by https alone"));
        }
        let alone = url.username().is_empty()
            && url.password().is_none()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none();
        if !alone {
            return Err(wrong("there is more than a host and a port in it"));
        }
        let host = url.host_str().ok_or_else(|| wrong("it has no host"))?;
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            text: text.trim_end_matches('/').to_owned(),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ServerUrl, String> {
        text.to_owned().try_into()
    }

    #[test]
    fn an_address_is_a_host_with_or_without_a_port() {
        for (text, host) in [
            ("https://gate.example", "gate.example"),
            ("https://gate.example:8443/", "gate.example"),
            ("https://192.0.2.7:8443", "192.0.2.7"),
            ("https://[2001:db8::1]:8443", "2001:db8::1"),
        ] {
            let url = read(text).unwrap();
            assert_eq!(
                (url.host(), url.as_str()),
                (host, text.trim_end_matches('/'))
            );
        }
    }

    #[test]
    fn what_is_no_address_or_more_than_one_is_refused_with_what_to_say() {
        for text in [
            "",
            "gate.example:8443",
            "http://gate.example",
            "https://",
            "https://gate.example/portcullis",
            "https://maria@gate.example",
            "https://gate.example?x=1",
            "https://gate.example:99999",
        ] {
            let told = read(text).unwrap_err();
            assert!(told.contains("https://HOST:PORT"), "{told}");
        }
    }
}
