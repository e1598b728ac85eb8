//! What opens the target of a session: a certificate for it alone, or what the vault holds.

use std::time::Duration;

use portcullis_model::{Authentication, Resource, Secret, SessionId};
use portcullis_policy::{Permit, Privileged, ReleaseSecret};
use portcullis_ports::control::{InTransit, OpenWish, TargetCredential};
use portcullis_vault::SecretKind;

use crate::Engine;
use crate::assessment::Assessment;
use crate::certificates::Certificate;
use crate::failure::Failure;
use crate::secrets::Warrant;

/// How long a certificate made for a session can be used to log in.
const CERTIFICATE_LASTS: Duration = Duration::from_mins(2);

impl Engine {
    /// A certificate for this session where the target trusts our authority; otherwise what will be
    /// released from the vault once the session is recorded.
    pub(super) async fn credential(
        &self,
        session: SessionId,
        who: &Authentication,
        assessment: &Assessment,
        wish: &OpenWish,
    ) -> Result<(Option<TargetCredential>, String), Failure> {
        if let Some(name) = &assessment.resource.credential {
            return Ok((None, format!("vaulted secret {name}")));
        }
        let name = self.identity(who.identity).await?.name;
        let broker = self.ports.broker(&assessment.resource.kind);
        // Tasks only. sshd lets nobody signal a forced command: decisions 0005 and 0010.
        let forced = broker.and_then(|broker| broker.forced(&assessment.intent.action));
        let (credential, serial) = self.certificate(Certificate {
            account: &wish.login.account,
            key_id: format!("{session} {name}"),
            lasts: CERTIFICATE_LASTS,
            terminal: forced.is_none(),
            forced,
        })?;
        Ok((Some(credential), format!("certificate serial {serial}")))
    }

    pub(super) async fn vaulted(
        &self,
        permit: Permit<Privileged, ReleaseSecret>,
        session: SessionId,
        resource: &Resource,
    ) -> Result<TargetCredential, Failure> {
        let (kind, secret) = self
            .vault
            .release(Warrant::Session(permit, session), resource)
            .await?;
        if let (Some(live), Some(name)) = (self.live.get(session), &resource.credential) {
            live.is_given(name);
        }
        let text = String::from_utf8(secret.expose_owned())
            .map_err(|_| Failure::Damaged("the vaulted credential is not text".to_owned()))?;
        let value = InTransit(Secret::new(text));
        match kind {
            SecretKind::SshKey => Ok(TargetCredential::Key { private_key: value }),
            SecretKind::Password => Ok(TargetCredential::Password { password: value }),
            other => Err(Failure::Invalid(format!(
                "a secret of kind {other} opens no session"
            ))),
        }
    }
}

pub(super) fn vault_for_tasks() -> Failure {
    Failure::Invalid(
        "a task runs by a certificate only, and this resource is opened by a vaulted secret"
            .to_owned(),
    )
}
