//! The tape of a session that is about to be opened: begun, sealed to auditors, durable before anything is on it.

use std::time::Duration;

use portcullis_flow::session::TapeHead;
use portcullis_model::{Digest, Resource, Secret, SessionId};
use portcullis_ports::clock::random;
use portcullis_ports::control::{InTransit, TapeOrder};
use portcullis_ports::{BlobError, BlobWriter};
use portcullis_tape::{Header, KeyWrap, TapeKey, TapeWriter, Track, TrackKind};

use crate::Engine;
use crate::failure::Failure;
use crate::live::{GrowingTape, LiveSession, head_of};

/// The longest time between something happening and its being on the tape.
const FLUSH_WITHIN: Duration = Duration::from_millis(250);

/// A tape that was begun for a session not yet recorded.
pub(super) struct NewTape {
    pub(super) order: TapeOrder,
    pub(super) live: LiveSession,
    pub(super) head: TapeHead,
    pub(super) key: TapeKey,
}

impl Engine {
    pub(super) async fn begin_tape(
        &self,
        session: SessionId,
        resource: &Resource,
        bundle: Digest,
    ) -> Result<NewTape, Failure> {
        let entropy = self.journal.entropy.as_ref();
        let key_bytes = random::<32>(entropy);
        let nonce_prefix = random::<16>(entropy);
        let mut key_wraps = Vec::new();
        for auditor in &self.options.auditors {
            let wrapped = self.ports.sealer.seal(auditor, &key_bytes)?;
            key_wraps.push(KeyWrap {
                recipient: auditor.clone(),
                wrapped,
            });
        }
        let header = Header {
            tape: format!("tape_{session}"),
            tenant: self.journal.tenant.to_string(),
            session: session.to_string(),
            started_at_ms: self.journal.now().as_millis(),
            broker: resource.kind.clone(),
            bundle_digest: bundle.to_string(),
            tracks: vec![
                Track {
                    number: 0,
                    kind: TrackKind::Event,
                },
                Track {
                    number: 1,
                    kind: TrackKind::Terminal,
                },
            ],
            key_wraps,
        };
        let key = TapeKey::new(key_bytes);
        let (writer, bytes) = TapeWriter::begin(&header, key.clone(), nonce_prefix)
            .map_err(|error| Failure::Unavailable(error.to_string()))?;
        let blob = self.first_bytes(session, &bytes).await;
        let blob = blob.inspect_err(|error| self.journal.custody.failed(error))?;
        let growing = GrowingTape::begin(blob, &bytes, key.clone())
            .map_err(|failure| Failure::Unavailable(failure.to_string()))?;
        Ok(NewTape {
            head: head_of(&writer.head()),
            order: TapeOrder {
                header: bytes,
                key: InTransit(Secret::new(key_bytes)),
                nonce_prefix,
                flush_within: FLUSH_WITHIN,
            },
            live: LiveSession::new(growing),
            key,
        })
    }

    async fn first_bytes(
        &self,
        session: SessionId,
        bytes: &[u8],
    ) -> Result<Box<dyn BlobWriter>, BlobError> {
        let name = crate::tapes::name(session);
        let mut blob = self.ports.blobs.create(&name).await?;
        blob.append(bytes).await?;
        blob.sync().await?;
        Ok(blob)
    }
}
