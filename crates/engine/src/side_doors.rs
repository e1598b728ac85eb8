//! The side doors of a resource's host: reported by an owner who looked, shown to owners, decided by the resource's owner.
//!
//! Portcullis does not hold root at a host to look by itself, so what is known is what owners reported, and when.

use std::collections::BTreeSet;

use portcullis_flow::records::{Door, HostEvent, HostState, differences};
use portcullis_model::{Authentication, DoorId, HostId, IdentityId, Resource, SideDoor, Timestamp};
use serde::Serialize;

use crate::Engine;
use crate::failure::Failure;
use crate::journal::patiently;

/// How many doors a host may have.
const MOST_DOORS: usize = 500;

/// How many stand in one entry of the ledger.
const DOORS_PER_EVENT: usize = 20;

/// What is known of a host, for people and programs.
#[derive(Debug, Clone, Serialize)]
pub struct SideDoorsView {
    /// The resource's name.
    pub resource: String,
    /// Who decides: its owners, by name.
    pub owners: Vec<String>,
    /// When it was looked at last; absent if never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub looked_at: Option<Timestamp>,
    /// By whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub looked_by: Option<String>,
    /// How many wait for a decision.
    pub undecided: usize,
    /// The doors.
    pub doors: Vec<SideDoorView>,
}

/// A side door, for people and programs.
#[derive(Debug, Clone, Serialize)]
pub struct SideDoorView {
    /// What it is called.
    pub id: DoorId,
    /// What it is.
    #[serde(flatten)]
    pub door: SideDoor,
    /// When a look first found it.
    pub found_at: Timestamp,
    /// Whether an owner's word stands that it stays.
    pub decided: bool,
    /// Who said that it stays, if anybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_by: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_at: Option<Timestamp>,
    /// Until when, if not for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_until: Option<Timestamp>,
}

impl Engine {
    /// What is known of a resource's host: told to the resource's owners and owners of the installation.
    pub async fn side_doors(&self, who: IdentityId, name: &str) -> Result<SideDoorsView, Failure> {
        let resource = self.resource_named(name).await?;
        if !self.census().await?.may_find(who, resource.id) {
            return Err(Failure::denied(
                "not_eligible",
                format!(
                    "the side doors of {name} are told to its owners and to owners of the installation"
                ),
                format!("ask one of them: portcullis resources show {name}"),
            ));
        }
        self.seen(resource).await
    }

    /// Takes what an owner of the resource saw at its host: all doors there are, none left out.
    pub async fn report_side_doors(
        &self,
        who: &Authentication,
        name: &str,
        doors: Vec<SideDoor>,
    ) -> Result<SideDoorsView, Failure> {
        let resource = self.owned(who, name).await?;
        if doors.len() > MOST_DOORS {
            return Err(Failure::Invalid(format!(
                "{} side doors are more than can be recorded ({MOST_DOORS}): close some first",
                doors.len()
            )));
        }
        if let Some(bad) = doors.iter().find(|door| !door.is_sound()) {
            return Err(Failure::Invalid(format!(
                "{bad:?} is no side door: its texts are of one line and not empty"
            )));
        }
        patiently(|| self.try_report(who, &resource, &doors)).await?;
        self.seen(resource).await
    }

    async fn try_report(
        &self,
        who: &Authentication,
        resource: &Resource,
        doors: &[SideDoor],
    ) -> Result<(), Failure> {
        let id = HostId::of(resource.id);
        let mut loaded = self.journal.load::<HostState>(id).await?;
        let (found, gone) = differences(loaded.state.as_ref(), doors);
        let mut command = self.journal.command(Some(who.identity));
        let looked = |found: &[SideDoor], gone| HostEvent::Looked {
            resource: resource.id,
            found: found.to_vec(),
            gone,
        };
        let (first, rest) = found.split_at(found.len().min(DOORS_PER_EVENT));
        command.push(&mut loaded, &looked(first, gone))?;
        for more in rest.chunks(DOORS_PER_EVENT) {
            command.push(&mut loaded, &looked(more, BTreeSet::new()))?;
        }
        command.commit().await
    }

    /// Records that a door stays, and why: the word of an owner of the resource. `door` is the beginning of what it is called.
    pub async fn keep_side_door(
        &self,
        who: &Authentication,
        name: &str,
        door: &str,
        reason: &str,
        until: Option<Timestamp>,
    ) -> Result<SideDoorsView, Failure> {
        let resource = self.owned(who, name).await?;
        if reason.trim().is_empty() {
            return Err(Failure::Invalid("say why: --reason TEXT".to_owned()));
        }
        patiently(|| self.try_keep(who, &resource, door, reason, until)).await?;
        self.seen(resource).await
    }

    async fn try_keep(
        &self,
        who: &Authentication,
        resource: &Resource,
        door: &str,
        reason: &str,
        until: Option<Timestamp>,
    ) -> Result<(), Failure> {
        let id = HostId::of(resource.id);
        let mut loaded = self.journal.load::<HostState>(id).await?;
        let known = loaded.state.as_ref();
        let mut meant = known
            .into_iter()
            .flat_map(|host| host.doors.keys())
            .filter(|id| id.begins_with(door));
        let found = meant.next().cloned();
        if meant.next().is_some() {
            return Err(Failure::Conflict(format!(
                "several side doors of {} begin with {door}: say more of it",
                resource.name
            )));
        }
        let found = found
            .ok_or_else(|| Failure::missing("side door", format!("{door} of {}", resource.name)))?;
        let mut command = self.journal.command(Some(who.identity));
        let event = HostEvent::Kept { door: found, until };
        let bodies = vec![self.journal.body("reason", reason)];
        command.push_with(&mut loaded, &event, bodies)?;
        command.commit().await
    }

    /// A resource that somebody owns, who has shown a second factor.
    async fn owned(&self, who: &Authentication, name: &str) -> Result<Resource, Failure> {
        Self::need_second_factor(who)?;
        let resource = self.resource_named(name).await?;
        if resource.owners.contains(&who.identity) {
            return Ok(resource);
        }
        Err(Failure::denied(
            "not_eligible",
            format!("only an owner of {name} reports and decides its side doors"),
            format!("ask one of them: portcullis resources show {name}"),
        ))
    }

    async fn seen(&self, resource: Resource) -> Result<SideDoorsView, Failure> {
        let id = HostId::of(resource.id);
        let host = self.journal.load::<HostState>(id).await?.state;
        let census = self.census().await?;
        let now = self.journal.now();
        let looked = host
            .as_ref()
            .map(|host| (host.looked_at, census.name(host.looked_by)));
        let doors = host.map(|host| host.doors).unwrap_or_default().into_iter();
        let doors: Vec<_> = doors
            .map(|(id, door)| shown(id, door, now, |id| census.name(id)))
            .collect();
        let owners = resource.owners.iter().map(|owner| census.name(*owner));
        Ok(SideDoorsView {
            owners: owners.collect(),
            resource: resource.name,
            looked_at: looked.as_ref().map(|(at, _)| *at),
            looked_by: looked.map(|(_, by)| by),
            undecided: doors.iter().filter(|door| !door.decided).count(),
            doors,
        })
    }
}

fn shown(
    id: DoorId,
    known: Door,
    now: Timestamp,
    name: impl Fn(IdentityId) -> String,
) -> SideDoorView {
    SideDoorView {
        id,
        decided: known.is_decided(now),
        found_at: known.found_at,
        kept_by: known.kept.as_ref().map(|kept| name(kept.by)),
        kept_at: known.kept.as_ref().map(|kept| kept.at),
        kept_until: known.kept.and_then(|kept| kept.until),
        door: known.door,
    }
}
