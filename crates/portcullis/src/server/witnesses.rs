//! The witnesses of the ledger, asked over HTTP. What they answer is verified by whoever asked for it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use portcullis_ledger::WitnessKey;
use portcullis_ports::{Witness, WitnessError, Word};
use reqwest::{Response, StatusCode};

use super::config::{LedgerSection, WitnessSection};
use crate::client::{cause, tls};

/// How long a witness may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// The longest answer that is read, in bytes: a few lines of a hundred each.
const MOST_BYTES: usize = 16 << 10;

/// A witness at an address.
struct HttpWitness {
    client: reqwest::Client,
    add_checkpoint: String,
    name: String,
    key: String,
}

/// All that are configured.
pub(super) fn witnesses(section: &LedgerSection) -> anyhow::Result<Vec<Arc<dyn Witness>>> {
    let mut all: Vec<Arc<dyn Witness>> = Vec::new();
    for witness in &section.witnesses {
        all.push(Arc::new(HttpWitness::at(witness)?));
    }
    Ok(all)
}

impl HttpWitness {
    fn at(WitnessSection { url, key }: &WitnessSection) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(None)?)
            .timeout(ANSWER_WITHIN)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .context("setting up the HTTP client")?;
        Ok(Self {
            client,
            add_checkpoint: format!("{}/add-checkpoint", url.trim_end_matches('/')),
            name: WitnessKey::parse(key)?.name().to_owned(),
            key: key.clone(),
        })
    }

    async fn answer(&self, growth: String) -> Result<(StatusCode, Vec<u8>), reqwest::Error> {
        let request = self.client.post(&self.add_checkpoint).body(growth);
        let mut response = request.send().await?;
        let read = beginning(&mut response).await?;
        Ok((response.status(), read))
    }
}

#[async_trait]
impl Witness for HttpWitness {
    fn key(&self) -> &str {
        &self.key
    }

    async fn show(&self, growth: String) -> Result<Word, WitnessError> {
        let answered = self.answer(growth).await;
        let (status, read) = answered.map_err(|error| WitnessError {
            witness: self.name.clone(),
            cause: cause(&error),
        })?;
        Ok(word(status, read))
    }
}

fn word(status: StatusCode, read: Vec<u8>) -> Word {
    let text = String::from_utf8_lossy(&read);
    let size = || text.strip_suffix('\n').unwrap_or(&text).parse().ok();
    match status {
        StatusCode::OK => Word::Cosigned(read),
        StatusCode::UNPROCESSABLE_ENTITY => Word::Contradicted,
        StatusCode::CONFLICT if let Some(size) = size() => Word::Knows(size),
        // Somebody else's words: a beginning of one line, quoted.
        _ => {
            let first = text.lines().next().unwrap_or_default();
            let first: String = first.chars().take(200).collect();
            Word::Refused(format!("{status}: {first:?}"))
        }
    }
}

/// What was answered, cut where nobody needs more.
async fn beginning(response: &mut Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut read = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        read.extend_from_slice(&chunk);
        if read.len() > MOST_BYTES {
            read.truncate(MOST_BYTES);
            break;
        }
    }
    Ok(read)
}
