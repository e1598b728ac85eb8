//! What touches targets, with its fail points.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use portcullis_model::{Action, Digest, KindDescriptor, Resource, Secret};
use portcullis_policy::{AssignEntitlement, DutyPermit, Ordinary, Permit};

use super::passing::{Failed, Failpoints};
use crate::{
    Assignment, Connector, ConnectorError, Drawn, Effective, Entropy, Held, Removal, Right,
    Rotator, RotatorDescriptor, RotatorError, Site, Target,
};

/// A connector that is watched.
pub struct WatchedConnector(pub Arc<dyn Connector>, pub &'static Failpoints);

/// A rotator that is watched.
pub struct WatchedRotator(pub Arc<dyn Rotator>, pub &'static Failpoints);

fn unreachable(resource: &Resource) -> impl FnOnce(Failed) -> ConnectorError + '_ {
    |failed| ConnectorError::Unreachable {
        target: resource.name.clone(),
        cause: failed.0,
    }
}

#[async_trait]
impl Connector for WatchedConnector {
    fn descriptor(&self) -> KindDescriptor {
        self.0.descriptor()
    }

    fn parse(&self, resource: &Resource, words: &[String]) -> Result<Action, ConnectorError> {
        self.0.parse(resource, words)
    }

    fn offers(&self, resource: &Resource) -> Result<Vec<Action>, ConnectorError> {
        self.0.offers(resource)
    }

    fn right(&self, resource: &Resource, action: &Action) -> Right {
        self.0.right(resource, action)
    }

    async fn effective(
        &self,
        target: &Target<'_>,
        action: &Action,
    ) -> Result<Effective, ConnectorError> {
        let asked = self.1.reading("ask the target").await;
        asked.map_err(unreachable(target.resource))?;
        self.0.effective(target, action).await
    }

    async fn held(
        &self,
        target: &Target<'_>,
        action: &Action,
        account: &str,
    ) -> Result<Held, ConnectorError> {
        let asked = self.1.reading("ask the target").await;
        asked.map_err(unreachable(target.resource))?;
        self.0.held(target, action, account).await
    }

    async fn assign(
        &self,
        permit: Permit<Ordinary, AssignEntitlement>,
        target: &Target<'_>,
        action: &Action,
        account: &str,
        approved: Digest,
        ours: &BTreeSet<String>,
    ) -> Result<Assignment, ConnectorError> {
        let before = self.1.before("assign").await;
        before.map_err(unreachable(target.resource))?;
        let assigned = self
            .0
            .assign(permit, target, action, account, approved, ours)
            .await?;
        self.1.after("assign");
        Ok(assigned)
    }

    async fn remove(
        &self,
        duty: DutyPermit,
        target: &Target<'_>,
        assignment: &Assignment,
    ) -> Result<Removal, ConnectorError> {
        let before = self.1.before("remove").await;
        before.map_err(unreachable(target.resource))?;
        let removal = self.0.remove(duty, target, assignment).await?;
        self.1.after("remove");
        Ok(removal)
    }
}

impl WatchedRotator {
    async fn call<T>(
        &self,
        call: &str,
        site: &Site<'_>,
        act: impl Future<Output = Result<T, RotatorError>> + Send,
    ) -> Result<T, RotatorError> {
        let call = format!("{call} {}", self.0.descriptor().name);
        if let Err(failed) = self.1.before(&call).await {
            return Err(RotatorError::Unreachable {
                target: site.resource.name.clone(),
                cause: failed.0,
            });
        }
        let done = act.await?;
        self.1.after(&call);
        Ok(done)
    }
}

#[async_trait]
impl Rotator for WatchedRotator {
    fn descriptor(&self) -> RotatorDescriptor {
        self.0.descriptor()
    }

    fn draw(&self, entropy: &dyn Entropy) -> Result<Drawn, RotatorError> {
        self.0.draw(entropy)
    }

    async fn accepts(
        &self,
        site: &Site<'_>,
        value: &Secret<Vec<u8>>,
    ) -> Result<bool, RotatorError> {
        self.call("try", site, self.0.accepts(site, value)).await
    }

    async fn install(
        &self,
        duty: DutyPermit,
        site: &Site<'_>,
        present: &Secret<Vec<u8>>,
        candidate: &Secret<Vec<u8>>,
        entropy: &dyn Entropy,
    ) -> Result<(), RotatorError> {
        let act = self.0.install(duty, site, present, candidate, entropy);
        self.call("install", site, act).await
    }

    async fn retire(
        &self,
        duty: DutyPermit,
        site: &Site<'_>,
        candidate: &Secret<Vec<u8>>,
        former: &Secret<Vec<u8>>,
    ) -> Result<(), RotatorError> {
        let act = self.0.retire(duty, site, candidate, former);
        self.call("retire", site, act).await
    }
}
