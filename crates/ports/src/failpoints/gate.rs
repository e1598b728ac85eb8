//! What a gate asks of control, with its fail points: around them lies what a gate does at a target.

use std::sync::Arc;

use async_trait::async_trait;
use portcullis_model::SessionId;

use super::passing::Failpoints;
use crate::Control;
use crate::control::{
    Closing, InTransit, KeyOffer, KeyProof, Login, OpenWish, Opened, Orders, Refusal, Segment,
    TapeFailure, Ticket, Verdict,
};

/// A control that is watched.
pub struct WatchedControl(pub Arc<dyn Control>, pub &'static Failpoints);

#[async_trait]
impl Control for WatchedControl {
    async fn lease_key(&self) -> [u8; 32] {
        self.0.lease_key().await
    }

    async fn consider(&self, offer: KeyOffer) -> bool {
        self.0.consider(offer).await
    }

    async fn prove_key(&self, proof: KeyProof) -> Verdict {
        self.0.prove_key(proof).await
    }

    async fn prove_code(&self, ticket: Ticket, code: InTransit<String>) -> Verdict {
        self.0.prove_code(ticket, code).await
    }

    async fn forget(&self, ticket: Ticket) {
        self.0.forget(ticket).await;
    }

    async fn open(&self, wish: OpenWish) -> Result<Opened, Refusal> {
        let before = self.1.before("open a session").await;
        before.map_err(|failed| Refusal {
            exit: None,
            code: "unavailable".to_owned(),
            message: failed.0,
        })?;
        let opened = self.0.open(wish).await?;
        self.1.after("open a session");
        Ok(opened)
    }

    async fn reached(&self, session: SessionId) {
        self.0.reached(session).await;
    }

    async fn refused(&self, ticket: Ticket, login: Login, what: String) {
        self.0.refused(ticket, login, what).await;
    }

    async fn record(&self, session: SessionId, segment: Segment) -> Result<(), TapeFailure> {
        let before = self.1.before("record a segment").await;
        before.map_err(|failed| TapeFailure(failed.0))?;
        self.0.record(session, segment).await?;
        self.1.after("record a segment");
        Ok(())
    }

    async fn close(&self, session: SessionId, closing: Closing) {
        // A close cannot fail; it can only come too late.
        drop(self.1.before("close a session").await);
        self.0.close(session, closing).await;
        self.1.after("close a session");
    }

    async fn orders(&self, after: u64) -> Orders {
        self.0.orders(after).await
    }
}
