//! Enrolling, signing in and out, stepping up.

use std::collections::BTreeSet;
use std::time::Duration;

use portcullis_flow::identity::{IdentityEvent, IdentityState, StepUpTarget};
use portcullis_model::{Authentication, Factor, IdentityId, Secret};
use portcullis_ports::Presented;
use portcullis_ports::authenticator::Chosen;
use portcullis_vault::SecretKind;
use serde::Serialize;

use crate::Engine;
use crate::attempts::TooMany;
use crate::failure::Failure;
use crate::journal::Loaded;
use crate::judging::{Turn, verifier_name, wrong};
use crate::secrets::Intake;
use crate::tokens::Token;

/// The first factor of the command line and the API: who has enrolled has it.
pub(crate) const PASSWORD: &str = "password";
/// The second factor everywhere.
const TOTP: &str = "totp";
/// The first factor of the SSH door.
pub(crate) const SSH_KEY: &str = "ssh_key";

/// What somebody sets with an enrolment token.
pub struct Enrolment {
    /// The token.
    pub token: Secret<String>,
    /// The password to be.
    pub password: Secret<String>,
    /// An SSH public key, if one is to be registered at once.
    pub ssh_key: Option<String>,
}

/// What enrolling shows once.
#[derive(Debug)]
pub struct EnrolmentDone {
    /// The identity's name.
    pub name: String,
    /// The one-time password seed, as an `otpauth` URI.
    pub otpauth: Secret<String>,
}

/// A sign-in.
pub struct SignIn {
    /// The identity's name.
    pub name: String,
    /// Its password.
    pub password: Secret<String>,
    /// A one-time code.
    pub code: Secret<String>,
    /// Where the caller comes from: failed attempts are counted by it.
    pub source: String,
}

/// Who a caller is, for itself to see.
#[derive(Debug, Clone, Serialize)]
pub struct WhoAmI {
    /// The identity.
    pub id: IdentityId,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: &'static str,
    /// What it may sign for the installation.
    pub roles: Vec<&'static str>,
    /// Its SSH keys.
    pub ssh_keys: Vec<String>,
    /// Whether a second factor was proved.
    pub second_factor: bool,
}

impl Engine {
    /// Sets password, one-time passwords and perhaps a key, with a one-time token.
    pub async fn enroll(&self, enrolment: Enrolment) -> Result<EnrolmentDone, Failure> {
        let token = Token::parse(&enrolment.token)?;
        let id = token.identity();
        // The token is looked at with the turn in hand: spent by another call meanwhile, it costs no work.
        let turn = Turn::at(&self.judging.enrolling).await?;
        let mut loaded = self.journal.load::<IdentityState>(id).await?;
        let name = loaded
            .get()
            .map_err(|_| unknown_token())?
            .identity
            .name
            .clone();
        let methods = BTreeSet::from([PASSWORD.to_owned(), TOTP.to_owned()]);
        let mut command = self.journal.command(Some(id));
        let enrolled = loaded
            .get()?
            .enroll(token.digest(), methods, command.at())?;
        command.push(&mut loaded, &enrolled)?;
        if let Some(key) = enrolment.ssh_key {
            let event = self.key_event(loaded.get()?, key, command.at())?;
            command.push(&mut loaded, &event)?;
        }

        let password = self.hash(enrolment.password, &name, turn).await?;
        let totp = self.make_verifier(TOTP, None, &name)?;
        for (method, kind, made) in [
            (PASSWORD, SecretKind::PasswordVerifier, &password),
            (TOTP, SecretKind::TotpSeed, &totp),
        ] {
            let name = verifier_name(id, method);
            let intake = Intake {
                name: &name,
                kind,
                public: "",
                value: &made.verifier,
                change: None,
            };
            self.vault.store(&mut command, &intake).await?;
        }
        command.commit().await?;
        // Whoever enrolled sees the seed now or never; that the founding is over is known without its record.
        self.end_founding_when_due().await;
        let otpauth = totp
            .show_once
            .ok_or_else(|| Failure::Damaged("no seed was made".to_owned()))?;
        Ok(EnrolmentDone { name, otpauth })
    }

    /// Registers another SSH key.
    pub async fn add_key(
        &self,
        who: &Authentication,
        public_key: String,
    ) -> Result<String, Failure> {
        Self::need_second_factor(who)?;
        let mut loaded = self.journal.load::<IdentityState>(who.identity).await?;
        let mut command = self.journal.command(Some(who.identity));
        let event = self.key_event(loaded.get()?, public_key, command.at())?;
        let IdentityEvent::KeyAdded { fingerprint, .. } = event.clone() else {
            return Err(Failure::Damaged("no key was made".to_owned()));
        };
        command.push(&mut loaded, &event)?;
        command.commit().await?;
        Ok(fingerprint)
    }

    /// An SSH key counts no longer: nothing is opened with it, and what was opened with it ends.
    pub async fn remove_key(
        &self,
        who: &Authentication,
        fingerprint: String,
    ) -> Result<(), Failure> {
        Self::need_second_factor(who)?;
        let mut loaded = self.journal.load::<IdentityState>(who.identity).await?;
        let mut command = self.journal.command(Some(who.identity));
        let event = loaded.get()?.remove_key(fingerprint)?;
        command.push(&mut loaded, &event)?;
        command.commit().await
    }

    /// Proves a password and a one-time code, and gives a short-lived token.
    pub async fn sign_in(&self, attempt: SignIn) -> Result<Secret<String>, Failure> {
        let (name, source) = (attempt.name.clone(), attempt.source.clone());
        let begun = self.attempts.begin_sign_in(&name, &source, self.elapsed());
        tokio::time::sleep(begun.map_err(too_many)?.wait).await;
        let token = self.try_sign_in(attempt).await?;
        self.attempts.signed_in(&name, &source, self.elapsed());
        Ok(token)
    }

    /// Time that never jumps, for attempts.
    pub(crate) fn elapsed(&self) -> Duration {
        self.ports.clock.monotonic()
    }

    async fn try_sign_in(&self, attempt: SignIn) -> Result<Secret<String>, Failure> {
        let SignIn {
            name,
            password,
            code,
            ..
        } = attempt;
        let loaded = self
            .journal
            .find_one::<IdentityState>("name", &name)
            .await?;
        let id = loaded
            .as_ref()
            .and_then(|known| known.stream.parse::<IdentityId>().ok());
        let strangers = &self.judging.strangers;
        let password = Presented::Password(password);
        let first = self.verify(strangers, id, PASSWORD, password).await;
        let code = Presented::Code(code);
        let second = self.verify(strangers, id, TOTP, code).await;
        // Both are judged before anything is said, so that nobody learns which of them was wrong.
        let (Some(mut loaded), Some(id), Ok(first), Ok(second)) = (loaded, id, first, second)
        else {
            return Err(wrong());
        };
        if loaded.get()?.methods.is_empty() {
            // What the vault has of somebody who is to enroll anew proves nothing.
            return Err(wrong());
        }
        let token = Token::issue(id, self.journal.entropy.as_ref());
        let mut command = self.journal.command(Some(id));
        let event =
            loaded
                .get()?
                .begin_sign_in(token.digest(), vec![first, second], command.at())?;
        command.push(&mut loaded, &event)?;
        command.commit().await?;
        Ok(token.expose())
    }

    /// What a token is worth now.
    pub async fn authenticate(&self, token: &Secret<String>) -> Result<Authentication, Failure> {
        let token = Token::parse(token)?;
        let loaded = self.journal.load::<IdentityState>(token.identity()).await?;
        let state = loaded.get().map_err(|_| unknown_token())?;
        Ok(state.signed_in(token.identity(), token.digest(), self.journal.now())?)
    }

    /// Gives a token back.
    pub async fn sign_out(&self, who: &Authentication) -> Result<(), Failure> {
        let token = who.factors.iter().find_map(|factor| match factor {
            Factor::Token { token } => Some(*token),
            _ => None,
        });
        let token = token.ok_or_else(unknown_token)?;
        let mut loaded = self.journal.load::<IdentityState>(who.identity).await?;
        let mut command = self.journal.command(Some(who.identity));
        command.push(&mut loaded, &IdentityEvent::SignedOut { token })?;
        command.commit().await
    }

    /// Spends a one-time code for a client that cannot ask for one.
    pub async fn step_up(
        &self,
        who: &Authentication,
        code: Secret<String>,
        target: StepUpTarget,
    ) -> Result<(), Failure> {
        self.leads_somewhere(&target).await?;
        let step = self.verify_code(who.identity, code).await?;
        let mut loaded = self.journal.load::<IdentityState>(who.identity).await?;
        let mut command = self.journal.command(Some(who.identity));
        let event = loaded.get()?.step_up(step, target, command.at())?;
        command.push(&mut loaded, &event)?;
        command.commit().await?;
        self.code_spent(who.identity);
        Ok(())
    }

    /// Refuses a step-up for what no door leads to, before it costs a code.
    async fn leads_somewhere(&self, wanted: &StepUpTarget) -> Result<(), Failure> {
        let resource = self.resource_named(&wanted.target).await?;
        let broker = self.ports.broker(&resource.kind).ok_or_else(|| {
            Failure::Invalid(format!(
                "{} is a {}: no session is opened there, so there is nothing to step up for",
                resource.name, resource.kind
            ))
        })?;
        let accounts = broker.endpoint(&resource)?.accounts;
        if accounts.contains(&wanted.account) {
            return Ok(());
        }
        Err(Failure::Invalid(format!(
            "{} has no account {}; there is: {}",
            resource.name,
            wanted.account,
            accounts.join(", ")
        )))
    }

    /// A right code was spent for the first time: only that is a success, a replayed one is none.
    pub(crate) fn code_spent(&self, identity: IdentityId) {
        self.attempts.codes.succeeded(&identity.to_string());
    }

    /// Who a caller is.
    pub async fn who_am_i(&self, who: &Authentication) -> Result<WhoAmI, Failure> {
        let loaded = self.journal.load::<IdentityState>(who.identity).await?;
        let state = loaded.get()?;
        Ok(WhoAmI {
            id: who.identity,
            name: state.identity.name.clone(),
            kind: state.identity.kind.as_str(),
            roles: state
                .identity
                .roles
                .iter()
                .map(|role| role.as_str())
                .collect(),
            ssh_keys: state.keys.keys().cloned().collect(),
            second_factor: who.has_second_factor(),
        })
    }

    /// Judges a one-time code of somebody who proved a first factor, and says which step it was. Codes of one
    /// identity are judged one at a time, wherever they are given.
    pub(crate) async fn verify_code(
        &self,
        identity: IdentityId,
        code: Secret<String>,
    ) -> Result<u64, Failure> {
        let who = identity.to_string();
        let begun = self.attempts.codes.begin(&who, self.elapsed());
        tokio::time::sleep(begun.map_err(too_many)?.wait).await;
        let code = Presented::Code(code);
        let known = &self.judging.known;
        let judged = self.verify(known, Some(identity), TOTP, code).await;
        if let Ok(Factor::Totp { step }) = judged {
            return Ok(step);
        }
        Err(Failure::Unauthenticated(
            "the one-time code is not right".to_owned(),
        ))
    }

    fn key_event(
        &self,
        state: &IdentityState,
        key: String,
        now: portcullis_model::Timestamp,
    ) -> Result<IdentityEvent, Failure> {
        let made = self.make_verifier(
            SSH_KEY,
            Some(Chosen::PublicKey(Secret::new(key))),
            &state.identity.name,
        )?;
        let canonical = String::from_utf8(made.verifier.expose().clone())
            .map_err(|_| Failure::Invalid("the key is not text".to_owned()))?;
        Ok(state.add_key(made.public, canonical, now)?)
    }

    /// The identity that a registered key belongs to.
    pub(crate) async fn by_key(
        &self,
        fingerprint: &str,
    ) -> Result<Option<Loaded<IdentityState>>, Failure> {
        self.journal
            .find_one::<IdentityState>(&format!("ssh-key/{fingerprint}"), "")
            .await
    }

    /// Refuses callers without a second factor.
    pub(crate) fn need_second_factor(who: &Authentication) -> Result<(), Failure> {
        if who.has_second_factor() {
            return Ok(());
        }
        Err(Failure::denied(
            "second_factor",
            "this needs a second factor",
            "portcullis login",
        ))
    }
}

fn too_many(refused: TooMany) -> Failure {
    let TooMany(wait) = refused;
    Failure::denied(
        "too_many_attempts",
        refused.to_string(),
        format!("wait {} s", wait.as_secs().max(1)),
    )
}

fn unknown_token() -> Failure {
    Failure::Unauthenticated("you are not signed in, or your sign-in ended".to_owned())
}
