//! Which secret this is: what a ciphertext is bound to.

use portcullis_model::{SecretId, TenantId};

use crate::framing::Fields;
use crate::keyring::Epoch;
use crate::kind::SecretKind;

/// The place of a sealed secret. It is not stored with the ciphertext: whoever opens it says what they expect, and
/// anything else does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretContext {
    /// Whose it is.
    pub tenant: TenantId,
    /// What it is.
    pub kind: SecretKind,
    /// Which one it is.
    pub secret: SecretId,
    /// Which version of it; the first is 1.
    pub version: u32,
}

impl SecretContext {
    /// Associated data of the record.
    pub(crate) fn record_data(&self) -> Vec<u8> {
        self.fields("portcullis vault record v1").finish()
    }

    /// Associated data of the wrap of the record's key.
    pub(crate) fn wrap_data(&self, epoch: Epoch) -> Vec<u8> {
        self.fields("portcullis vault data key v1")
            .number(epoch.number())
            .finish()
    }

    fn fields(&self, domain: &'static str) -> Fields {
        Fields::new(domain)
            .text(&self.tenant.to_string())
            .text(self.kind.as_str())
            .text(&self.secret.to_string())
            .number(self.version)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use portcullis_model::Timestamp;
    use portcullis_model::id::TypedId as _;

    use super::*;

    fn context() -> SecretContext {
        let at = Timestamp::from_millis(1);
        SecretContext {
            tenant: TenantId::from_parts(at, [1; 10]),
            kind: SecretKind::Password,
            secret: SecretId::from_parts(at, [2; 10]),
            version: 1,
        }
    }

    /// The wrap binds the context too, so that a swap shows when a secret is only rewrapped; the record must not
    /// rely on that.
    #[test]
    fn every_part_of_the_context_is_in_the_record_s_data_and_in_the_wrap_s() {
        let at = Timestamp::from_millis(1);
        let others = [
            SecretContext {
                tenant: TenantId::from_parts(at, [3; 10]),
                ..context()
            },
            SecretContext {
                kind: SecretKind::SshKey,
                ..context()
            },
            SecretContext {
                secret: SecretId::from_parts(at, [3; 10]),
                ..context()
            },
            SecretContext {
                version: 2,
                ..context()
            },
        ];
        for other in others {
            assert_ne!(other.record_data(), context().record_data());
            assert_ne!(
                other.wrap_data(Epoch::FIRST),
                context().wrap_data(Epoch::FIRST)
            );
        }
    }

    #[test]
    fn the_epoch_is_in_the_wrap_s_data() {
        let next = context().wrap_data(Epoch::FIRST.next().unwrap());
        assert_ne!(next, context().wrap_data(Epoch::FIRST));
    }

    #[test]
    fn the_record_s_data_never_changes_its_form() {
        let mut expected = Vec::new();
        for field in [
            "portcullis vault record v1",
            "tnt_0000000001e40r2081040g2081",
            "password",
            "sec_0000000001e81840g2081040g2",
            "\0\0\0\x01",
        ] {
            expected.extend(u64::try_from(field.len()).unwrap_or(0).to_be_bytes());
            expected.extend(field.as_bytes());
        }
        assert_eq!(
            String::from_utf8_lossy(&context().record_data()),
            String::from_utf8_lossy(&expected)
        );
    }
}
