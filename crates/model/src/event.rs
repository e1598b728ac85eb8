//! What happened, in the bytes the ledger keeps for ever.
//!
//! A leaf is the canonical JSON (RFC 8785) of an [`Event`]. It is written once, stored as written and
//! never serialised again; old data is lifted to the present form by upcasters when it is read.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::digest::{CanonicalError, canonical_json};
use crate::{Digest, IdentityId, StreamId, TenantId, Timestamp};

/// The version of the envelope.
pub const ENVELOPE_VERSION: u16 = 1;

/// The most bytes a leaf may have: what an entry of the log's tiles can hold.
pub const MOST_LEAF_BYTES: usize = 65_535;

/// One thing that happened to one stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// The version of this envelope.
    pub v: u16,
    /// Whose installation.
    pub tenant: TenantId,
    /// Which stream.
    pub stream: StreamId,
    /// The place in its stream, from 1, without gaps.
    pub seq: u64,
    /// What happened, as `noun.verb`: `request.submitted`.
    pub kind: String,
    /// The version of this kind's data.
    pub kind_v: u16,
    /// When it was decided, by the server's clock.
    pub at: Timestamp,
    /// Who caused it; absent when the server did by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<IdentityId>,
    /// What this event used up for good (an approval's use, a one-time password's step, a name).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<Claim>,
    /// Salted commitments to personal free text kept, erasable, beside the leaf.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bodies: Vec<Commitment>,
    /// The kind's own data.
    pub data: Value,
}

/// Something that can be used up once in the life of an installation, or held by one stream at a time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// What sort of thing: `approval-use`, `totp-step`, `name`.
    pub scope: String,
    /// Which one.
    pub key: String,
    /// Gives a held claim back (a name that is free again) instead of taking it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub release: bool,
}

impl Claim {
    /// Takes something, failing when it is taken already.
    pub fn take(scope: impl Into<String>, key: impl Into<String>) -> Self {
        Self {
            scope: scope.into(),
            key: key.into(),
            release: false,
        }
    }

    /// Gives something back.
    pub fn give_back(scope: impl Into<String>, key: impl Into<String>) -> Self {
        Self {
            scope: scope.into(),
            key: key.into(),
            release: true,
        }
    }
}

/// A commitment to a text kept beside the leaf: erasing the text leaves the leaf and its proofs whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commitment {
    /// Which field the text belongs to: `reason`.
    pub field: String,
    /// SHA-256 of salt and text.
    pub commitment: Digest,
}

/// A text kept beside its leaf.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// Which field the text belongs to.
    pub field: String,
    /// Sixteen random bytes, hexadecimal, so that a guessable text cannot be confirmed from its commitment.
    pub salt: String,
    /// The text.
    pub text: String,
}

impl Body {
    /// A text under a fresh salt.
    pub fn new(field: impl Into<String>, salt: [u8; 16], text: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            salt: hex::encode(salt),
            text: text.into(),
        }
    }

    /// What the leaf says of this text.
    pub fn commit(&self) -> Commitment {
        let bytes = format!(
            "portcullis-body-v1\n{}\n{}\n{}",
            self.field, self.salt, self.text
        );
        Commitment {
            field: self.field.clone(),
            commitment: Digest::of_bytes(bytes.as_bytes()),
        }
    }
}

/// Why a leaf cannot be read, or an event cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// The bytes are no event envelope.
    #[error("the leaf is not an event of envelope version {ENVELOPE_VERSION}: {0}")]
    Malformed(serde_json::Error),
    /// The envelope is newer than this program.
    #[error(
        "the leaf has envelope version {0}; this program reads up to {ENVELOPE_VERSION}: use a newer one"
    )]
    TooNew(u16),
    /// The kind's data is not what this program knows under that kind and version.
    #[error("the data of {kind} version {version} cannot be read: {cause}")]
    Data {
        /// The event's kind.
        kind: String,
        /// The version of its data.
        version: u16,
        /// What the reader said.
        cause: serde_json::Error,
    },
    /// No reader knows this kind and version.
    #[error(
        "events of kind {kind} version {version} are not known to this program: use a newer one"
    )]
    UnknownKind {
        /// The event's kind.
        kind: String,
        /// The version of its data.
        version: u16,
    },
    /// The event is larger than an entry of the log can be.
    #[error(
        "the event {kind} has {size} bytes; a leaf holds at most {MOST_LEAF_BYTES}: shorten its texts"
    )]
    TooLarge {
        /// The event's kind.
        kind: String,
        /// The size it would have.
        size: usize,
    },
    /// The event has no canonical form.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
}

impl Event {
    /// The bytes to keep for ever.
    pub fn to_leaf(&self) -> Result<Vec<u8>, EventError> {
        let bytes = canonical_json(self)?;
        if bytes.len() > MOST_LEAF_BYTES {
            return Err(EventError::TooLarge {
                kind: self.kind.clone(),
                size: bytes.len(),
            });
        }
        Ok(bytes)
    }

    /// Reads a leaf.
    pub fn from_leaf(bytes: &[u8]) -> Result<Self, EventError> {
        #[derive(Deserialize)]
        struct Version {
            v: u16,
        }
        let version: Version = serde_json::from_slice(bytes).map_err(EventError::Malformed)?;
        if version.v > ENVELOPE_VERSION {
            return Err(EventError::TooNew(version.v));
        }
        serde_json::from_slice(bytes).map_err(EventError::Malformed)
    }

    /// The noun before the dot.
    pub fn noun(&self) -> &str {
        self.kind
            .split_once('.')
            .map_or(self.kind.as_str(), |(noun, _)| noun)
    }
}

/// What a kind of stream can say: a closed set of events, each with a name, a version and upcasters.
pub trait Payload: Serialize + DeserializeOwned {
    /// The event's name, `noun.verb`.
    fn kind(&self) -> &'static str;

    /// The version of the data as written today.
    fn version(&self) -> u16 {
        1
    }

    /// Lifts data of an older version to today's form. The default knows version 1 only.
    fn upcast(kind: &str, version: u16, data: Value) -> Result<Value, EventError> {
        if version == 1 {
            Ok(data)
        } else {
            Err(EventError::UnknownKind {
                kind: kind.to_owned(),
                version,
            })
        }
    }

    /// The data as it stands in a leaf: without the name, which the envelope carries.
    fn to_data(&self) -> Result<Value, EventError> {
        let value = serde_json::to_value(self).map_err(CanonicalError::from)?;
        match value {
            Value::Object(mut map) => {
                map.remove("kind");
                Ok(Value::Object(map))
            }
            other => Ok(other),
        }
    }

    /// Reads a payload out of an event. Payload enums are internally tagged with `kind`.
    fn from_event(event: &Event) -> Result<Self, EventError> {
        let mut data = Self::upcast(&event.kind, event.kind_v, event.data.clone())?;
        if let Value::Object(map) = &mut data {
            map.insert("kind".to_owned(), Value::String(event.kind.clone()));
        }
        serde_json::from_value(data).map_err(|cause| EventError::Data {
            kind: event.kind.clone(),
            version: event.kind_v,
            cause,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::RequestId;
    use crate::id::TypedId;

    fn event() -> Event {
        let at = Timestamp::from_millis(5);
        Event {
            v: ENVELOPE_VERSION,
            tenant: TenantId::from_parts(at, [0; 10]),
            stream: RequestId::from_parts(at, [1; 10]).into(),
            seq: 1,
            kind: "request.cancelled".to_owned(),
            kind_v: 1,
            at,
            actor: None,
            claims: vec![Claim::take("name", "x")],
            bodies: vec![Body::new("reason", [7; 16], "because").commit()],
            data: serde_json::json!({}),
        }
    }

    #[test]
    fn a_leaf_reads_back_and_writes_the_same_bytes() {
        let leaf = event().to_leaf().unwrap();
        let read = Event::from_leaf(&leaf).unwrap();
        assert_eq!(read, event());
        assert_eq!(read.to_leaf().unwrap(), leaf);
    }

    #[test]
    fn the_bytes_of_a_leaf_are_fixed() {
        let text = String::from_utf8(event().to_leaf().unwrap()).unwrap();
        assert_eq!(
            text,
            concat!(
                r#"{"at":5,"bodies":[{"commitment":"#,
                r#""0e30adf343f35643379aed9a4d4ef90b632196f33666b510e65d7be0177b62bd","#,
                r#""field":"reason"}],"claims":[{"key":"x","scope":"name"}],"data":{},"#,
                r#""kind":"request.cancelled","kind_v":1,"seq":1,"#,
                r#""stream":"req_0000000005e40r2081040g2081","#,
                r#""tenant":"tnt_0000000005e008000000000000","v":1}"#
            )
        );
    }

    #[test]
    fn a_leaf_of_a_newer_envelope_says_so() {
        let text = br#"{"v":2,"something":"else"}"#;
        assert!(matches!(Event::from_leaf(text), Err(EventError::TooNew(2))));
    }

    #[test]
    fn an_unknown_field_is_refused() {
        let mut value = serde_json::to_value(event()).unwrap();
        value
            .as_object_mut()
            .unwrap()
            .insert("extra".to_owned(), Value::Null);
        let bytes = serde_json::to_vec(&value).unwrap();
        assert!(matches!(
            Event::from_leaf(&bytes),
            Err(EventError::Malformed(_))
        ));
    }

    #[test]
    fn a_leaf_too_large_for_the_log_is_refused_before_it_is_written() {
        let mut large = event();
        large.data = Value::String("x".repeat(MOST_LEAF_BYTES));
        assert!(matches!(large.to_leaf(), Err(EventError::TooLarge { .. })));
    }

    #[test]
    fn equal_texts_under_other_salts_have_other_commitments() {
        let one = Body::new("reason", [1; 16], "fix").commit();
        let two = Body::new("reason", [2; 16], "fix").commit();
        assert_ne!(one.commitment, two.commitment);
    }
}
