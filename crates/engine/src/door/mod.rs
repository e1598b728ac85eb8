//! What gates ask of control: sign-in step by step, one decision a channel, tapes, orders.

mod closing;
mod credentials;
mod grants;
mod new_tape;
mod opening;
mod repeating;
mod tickets;

use async_trait::async_trait;
use portcullis_flow::identity::StepUpTarget;
use portcullis_model::{Authentication, Factor, IdentityId, Secret, SessionId};
use portcullis_ports::control::{
    Closing, Control, InTransit, KeyOffer, KeyProof, Login, OpenWish, Opened, Orders, Refusal,
    Segment, TapeFailure, Ticket, Verdict,
};
use portcullis_ports::{Presented, SignedKey};

use crate::Engine;
use crate::attempts::LONGEST_WAIT;
use crate::failure::Failure;
use crate::live::NotTaken;
use crate::sign_in::SSH_KEY;

pub(crate) use opening::OPENED_AT_ONCE;
use tickets::Proved;
pub(crate) use tickets::Tickets;

#[async_trait]
impl Control for Engine {
    async fn lease_key(&self) -> [u8; 32] {
        *self.own.leases.verifying_key().as_bytes()
    }

    async fn consider(&self, offer: KeyOffer) -> bool {
        // An answer of "no" would tell strangers which keys are known, were it not that SSH itself does.
        matches!(self.by_key(&offer.fingerprint).await, Ok(Some(_)))
    }

    async fn prove_key(&self, proof: KeyProof) -> Verdict {
        let who = format!("key/{}", proof.source.ip());
        // A key is not guessed, so a good one need not wait; but keys that are tried at one moment are
        // answered one after another.
        let begun = self.attempts.callers.begin(&who, self.elapsed());
        match self.key_proved(&proof).await {
            Ok(verdict) => {
                self.attempts.callers.succeeded(&who);
                verdict
            }
            Err(failure) => {
                tracing::info!(%failure, source = %proof.source, "a key was refused");
                let delay = begun.map_or(LONGEST_WAIT, |turn| turn.next.min(LONGEST_WAIT));
                Verdict::Refused { delay }
            }
        }
    }

    async fn prove_code(&self, ticket: Ticket, code: InTransit<String>) -> Verdict {
        match self.code_proved(&ticket, code.0).await {
            Ok(()) => Verdict::Complete { ticket },
            Err(failure) => {
                tracing::info!(%failure, "a one-time code was refused");
                Verdict::Refused {
                    delay: std::time::Duration::ZERO,
                }
            }
        }
    }

    async fn forget(&self, ticket: Ticket) {
        self.tickets.remove(&ticket);
    }

    async fn open(&self, wish: OpenWish) -> Result<Opened, Refusal> {
        if let Some(before) = self
            .ran_before(&wish)
            .await
            .map_err(|failure| told(&failure))?
        {
            return Err(before);
        }
        let failure = match self.open_to_the_end(wish.clone()).await {
            Ok(opened) => return Ok(opened),
            Err(failure) => failure,
        };
        // The same run may have been asked for at the same moment, and been faster. What failed for another reason may be on
        // record itself by now.
        let overtaken = ["conflict", "spent", "no_grant"].contains(&failure.code());
        let faster = if overtaken {
            self.ran_before(&wish).await.ok().flatten()
        } else {
            None
        };
        Err(faster.unwrap_or_else(|| told(&failure)))
    }

    async fn reached(&self, session: SessionId) {
        if let Some(live) = self.live.get(session) {
            live.was_let_in();
        }
    }

    async fn refused(&self, ticket: Ticket, login: Login, what: String) {
        let known = self.tickets.get(&ticket, self.elapsed());
        let identity = known.map(|proved| proved.identity);
        if let Some(identity) = identity
            && let Err(failure) = self.note_refusal(identity, &login, what).await
        {
            tracing::warn!(%failure, "a refusal could not be recorded");
        }
    }

    async fn record(&self, session: SessionId, segment: Segment) -> Result<(), TapeFailure> {
        let live = self.live.get(session);
        let live = live.ok_or_else(|| TapeFailure(format!("{session} does not live")))?;
        live.record(&segment).await.map_err(|cause| match cause {
            NotTaken::Misfit(failure) => failure,
            NotTaken::Unwritable(failure) => {
                self.journal.custody.failed(&failure);
                failure
            }
        })
    }

    async fn close(&self, session: SessionId, closing: Closing) {
        if let Err(failure) = self.close_session(session, closing).await {
            tracing::error!(%session, %failure, "the end of a session could not be recorded");
        }
    }

    async fn orders(&self, after: u64) -> Orders {
        self.orders.after(after).await
    }
}

impl Engine {
    async fn key_proved(&self, proof: &KeyProof) -> Result<Verdict, Failure> {
        let loaded = self.by_key(&proof.fingerprint).await?;
        let loaded = loaded.ok_or_else(|| Failure::missing("key", &proof.fingerprint))?;
        let state = loaded.get()?;
        let now = self.journal.now();
        state.alive(now)?;
        let known = state.keys.get(&proof.fingerprint);
        let known = known.ok_or_else(|| Failure::missing("key", &proof.fingerprint))?;
        let verifier = Secret::new(known.as_bytes().to_vec());
        let presented = Presented::SignedKey(SignedKey::from(proof));
        let first = self
            .ports
            .authenticator(SSH_KEY)?
            .verify(&verifier, &presented, now)?;
        let wanted = StepUpTarget {
            account: proof.login.account.clone(),
            target: proof.login.target.clone(),
            key: proof.fingerprint.clone(),
        };
        let beforehand = state.stepped_up(&wanted, now);
        let complete = beforehand.is_some();
        // What was proved beforehand is as old as it is.
        let at = match &beforehand {
            Some(Factor::OutOfBand { at }) => *at,
            _ => now,
        };
        let proved = Proved {
            identity: state.identity.id,
            factors: std::iter::once(first).chain(beforehand).collect(),
            at,
            login: proof.login.clone(),
            complete,
        };
        let ticket = self
            .tickets
            .issue(proved, self.elapsed(), self.journal.entropy.as_ref());
        Ok(if complete {
            Verdict::Complete { ticket }
        } else {
            Verdict::NeedsCode {
                ticket,
                prompt: "One-time code: ".to_owned(),
            }
        })
    }

    async fn code_proved(&self, ticket: &Ticket, code: Secret<String>) -> Result<(), Failure> {
        let proved = self.tickets.get(ticket, self.elapsed());
        let proved = proved.ok_or_else(unknown_ticket)?;
        let step = self.verify_code(proved.identity, code).await?;
        let mut loaded = self.journal.load(proved.identity).await?;
        let mut command = self.journal.command(Some(proved.identity));
        let state: &portcullis_flow::identity::IdentityState = loaded.get()?;
        let event = state.spend_code(step, command.at())?;
        command.push(&mut loaded, &event)?;
        command.commit().await?;
        self.code_spent(proved.identity);
        let factor = Factor::Totp { step };
        self.tickets
            .complete(ticket, factor, self.journal.now(), self.elapsed());
        Ok(())
    }

    /// What a connection has proved, once it has proved enough.
    fn proved(&self, ticket: &Ticket, login: &Login) -> Result<Authentication, Failure> {
        let proved = self.tickets.get(ticket, self.elapsed());
        let proved = proved.ok_or_else(unknown_ticket)?;
        if !proved.complete || proved.login != *login {
            return Err(unknown_ticket());
        }
        Ok(Authentication {
            identity: proved.identity,
            factors: proved.factors,
            at: proved.at,
        })
    }

    async fn note_refusal(
        &self,
        identity: IdentityId,
        login: &Login,
        what: String,
    ) -> Result<(), Failure> {
        use portcullis_flow::identity::{IdentityEvent, IdentityState};
        let mut loaded = self.journal.load::<IdentityState>(identity).await?;
        let mut command = self.journal.command(Some(identity));
        let at = format!("{}@{}", login.account, login.target);
        command.push(&mut loaded, &IdentityEvent::Refused { at, what })?;
        command.commit().await
    }
}

fn unknown_ticket() -> Failure {
    Failure::Unauthenticated("the connection has not proved who it is".to_owned())
}

/// What a client gets to read.
fn told(failure: &Failure) -> Refusal {
    let next = failure
        .next()
        .map(|next| format!("\nnext: {next}"))
        .unwrap_or_default();
    Refusal {
        code: failure.code().to_owned(),
        message: format!("{failure}{next}"),
        exit: None,
    }
}
