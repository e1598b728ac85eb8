//! Founding an installation with what does not work: refused, and nothing is left of it.

use std::sync::Arc;

use portcullis_engine::found;
use portcullis_model::Secret;
use portcullis_ports::{Sealer, SealerError};
use portcullis_store::AgeSealer;

use crate::plan::unfounded;

/// A sealer that hands out an identity of somebody else, or seals something else.
#[derive(Clone, Copy)]
enum Broken {
    OtherIdentity,
    OtherRoot,
}

impl Sealer for Broken {
    fn name(&self) -> &'static str {
        AgeSealer.name()
    }

    fn seal(&self, recipient: &str, plain: &[u8]) -> Result<Vec<u8>, SealerError> {
        match self {
            Self::OtherIdentity => AgeSealer.seal(recipient, plain),
            Self::OtherRoot => AgeSealer.seal(recipient, &[7; 32]),
        }
    }

    fn open(
        &self,
        identity: &Secret<String>,
        sealed: &[u8],
    ) -> Result<Secret<Vec<u8>>, SealerError> {
        AgeSealer.open(identity, sealed)
    }

    fn generate(&self) -> (Secret<String>, String) {
        let (identity, recipient) = AgeSealer.generate();
        match self {
            Self::OtherIdentity => (AgeSealer.generate().0, recipient),
            Self::OtherRoot => (identity, recipient),
        }
    }
}

#[tokio::test]
async fn a_sealer_that_cannot_open_what_it_sealed_founds_nothing() {
    for broken in [Broken::OtherIdentity, Broken::OtherRoot] {
        let folder = tempfile::tempdir().unwrap();
        let (mut ports, founding) = unfounded(folder.path());
        ports.sealer = Arc::new(broken);
        let refused = found(&ports, founding).await.unwrap_err().to_string();
        assert!(refused.contains("the online key slot"), "{refused}");
        assert!(refused.contains("nothing was founded"), "{refused}");
        let events = ports.store.events(0, 1).await.unwrap();
        assert!(events.is_empty(), "{events:?}");
        // The same folder does once the sealer works.
        drop(ports);
        let (ports, founding) = unfounded(folder.path());
        found(&ports, founding).await.unwrap();
    }
}
