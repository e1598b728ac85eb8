//! What every connector must do: refuse what it does not know, offer what it can read back, assign only
//! what a permit covers and what is still worth what was approved, and prove that it is gone.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a suite says what is wrong by panicking in the test that calls it"
)]

use std::collections::BTreeSet;

use portcullis_model::id::TypedId;
use portcullis_model::{
    Action, Controls, Digest, GrantId, Identity, IdentityId, IdentityKind, Impact, Intent,
    Resource, ResourceId, Secret, Subject, Timestamp,
};
use portcullis_policy::{
    Act, Duty, DutyPermit, Object, PathKind, Permit, Preset, Query, RecordedGrant, duty, shipped,
};

use crate::{Assignment, Connector, ConnectorError, Target};

const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

/// A connector to be tried, at a real target.
pub struct Specimen<'a> {
    /// The connector.
    pub connector: &'a dyn Connector,
    /// A resource of its kind that can be reached.
    pub resource: Resource,
    /// What opens it.
    pub credential: Vec<u8>,
    /// The words of an entitlement it offers, which the account does not hold.
    pub words: Vec<String>,
    /// A person's own account at the target.
    pub account: String,
    /// The same resource at an address where nothing answers.
    pub unreachable: Resource,
}

impl Specimen<'_> {
    fn target(&self) -> Target<'_> {
        target(&self.resource, &self.credential)
    }

    fn action(&self) -> Action {
        self.connector
            .parse(&self.resource, &self.words)
            .expect("the specimen's words are an entitlement")
    }
}

/// A resource with its credential.
pub fn target<'a>(resource: &'a Resource, credential: &[u8]) -> Target<'a> {
    Target {
        resource,
        credential: Secret::new(credential.to_vec()),
    }
}

/// A permit for exactly this, as if it were harmless and approved by everybody.
///
/// # Panics
/// When the shipped bundle makes none.
pub fn permit<P: PathKind, A: Act<P>>(
    resource: &Resource,
    action: &Action,
    effective: Digest,
) -> Permit<P, A> {
    let person = Identity {
        id: IdentityId::from_parts(NOW, [7; 10]),
        name: "ana".to_owned(),
        kind: IdentityKind::Human,
        owner: None,
        roles: BTreeSet::new(),
        ends_at: None,
        active: true,
    };
    let intent = Intent {
        subject: Subject::oneself(person.id),
        resource: resource.id,
        action: action.clone(),
    };
    let query = Query {
        subject: &person,
        on_behalf_of: &[],
        groups: &[],
        object: Object::Resource(resource),
        action,
        impact: &Impact::nothing(),
        met: Controls::ALL,
        now: NOW,
        intent: intent.digest(Some(&effective)).unwrap(),
    };
    shipped(Preset::Strict)
        .unwrap()
        .authorize(&query)
        .unwrap_or_else(|refusal| panic!("the shipped bundle refuses: {refusal}"))
}

/// Leave to take away what a grant gave at a resource.
pub fn leave(resource: ResourceId) -> DutyPermit {
    duty(&RecordedGrant {
        grant: GrantId::from_parts(NOW, [9; 10]),
        resource,
        reason: Duty::Revoked,
    })
}

/// Tries everything.
///
/// # Panics
/// When the connector does not conform, saying in what.
pub async fn conforms(specimen: &Specimen<'_>) {
    describes_its_settings(specimen);
    reads_what_it_offers_and_nothing_else(specimen);
    says_the_same_of_the_same(specimen).await;
    refuses_what_the_permit_does_not_cover(specimen).await;
    refuses_what_changed_since_it_was_approved(specimen).await;
    takes_away_what_it_gave_and_may_be_asked_twice(specimen).await;
    leaves_what_was_held_before(specimen).await;
    knows_its_own_from_what_was_held_before(specimen).await;
    an_unknown_action_is_a_right_of_its_own(specimen);
    tells_an_unreachable_target_from_a_refusal(specimen).await;
}

fn describes_its_settings(specimen: &Specimen<'_>) {
    let kind = specimen.connector.descriptor();
    let schema = kind.settings.as_object().expect("settings are an object");
    assert_eq!(
        schema.get("additionalProperties"),
        Some(&false.into()),
        "{} takes settings it does not know",
        kind.name
    );
    let properties = schema["properties"].as_object().unwrap();
    let settings = specimen.resource.settings.as_object().unwrap();
    for name in settings.keys() {
        assert!(properties.contains_key(name), "the schema lacks {name}");
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        let mut lacking = specimen.resource.clone();
        let lost = lacking.settings.as_object_mut().unwrap();
        assert!(lost.remove(name.as_str().unwrap()).is_some());
        refuses_settings(specimen, &lacking);
    }
    let mut misspelt = specimen.resource.clone();
    let more = misspelt.settings.as_object_mut().unwrap();
    more.insert("no-such-setting".to_owned(), true.into());
    refuses_settings(specimen, &misspelt);
}

fn refuses_settings(specimen: &Specimen<'_>, resource: &Resource) {
    let parsed = specimen.connector.parse(resource, &specimen.words);
    assert!(
        matches!(parsed, Err(ConnectorError::Invalid(_))),
        "{parsed:?}"
    );
    let offers = specimen.connector.offers(resource);
    assert!(
        matches!(offers, Err(ConnectorError::Invalid(_))),
        "{offers:?}"
    );
}

fn reads_what_it_offers_and_nothing_else(specimen: &Specimen<'_>) {
    let (connector, resource) = (specimen.connector, &specimen.resource);
    let offers = connector.offers(resource).unwrap();
    assert!(offers.contains(&specimen.action()), "{offers:?}");
    let kind = connector.descriptor();
    for offer in &offers {
        let described = kind.action(&offer.name).expect("an offer is described");
        assert!(!described.brokered);
        let words: Vec<String> = described
            .params
            .iter()
            .map(|param| offer.param(param.name).unwrap().to_owned())
            .collect();
        assert_eq!(connector.parse(resource, &words).unwrap(), *offer);
    }
    let twice = [specimen.words.clone(), specimen.words.clone()].concat();
    let junk = [
        vec![],
        vec![String::new()],
        vec!["no-such-thing".to_owned()],
        twice,
    ];
    for words in junk {
        let parsed = connector.parse(resource, &words);
        assert!(
            matches!(parsed, Err(ConnectorError::Invalid(_))),
            "{words:?} was read as {parsed:?}"
        );
    }
}

async fn says_the_same_of_the_same(specimen: &Specimen<'_>) {
    let once = worth(specimen).await;
    assert_eq!(once, worth(specimen).await, "nothing changed at the target");
    let unknown = Action::named("no-such-action");
    let refused = specimen
        .connector
        .effective(&specimen.target(), &unknown)
        .await;
    assert!(
        matches!(refused, Err(ConnectorError::Invalid(_))),
        "{refused:?}"
    );
}

async fn refuses_what_the_permit_does_not_cover(specimen: &Specimen<'_>) {
    let (action, approved) = (specimen.action(), worth(specimen).await);
    let other_resource = Resource {
        id: ResourceId::from_parts(NOW, [0xee; 10]),
        ..specimen.resource.clone()
    };
    let other_action = action.clone().with("more", "of it");
    let other_worth = Digest::of_bytes(b"something else");
    for permit in [
        permit(&other_resource, &action, approved),
        permit(&specimen.resource, &other_action, approved),
        permit(&specimen.resource, &action, other_worth),
    ] {
        let refused = specimen
            .connector
            .assign(
                permit,
                &specimen.target(),
                &action,
                &specimen.account,
                approved,
                &BTreeSet::new(),
            )
            .await;
        assert!(
            matches!(refused, Err(ConnectorError::Permit(_))),
            "{refused:?}"
        );
    }
    assert!(!holds(specimen).await, "nothing was assigned");
}

async fn refuses_what_changed_since_it_was_approved(specimen: &Specimen<'_>) {
    let stale = Digest::of_bytes(b"what it was worth once");
    let refused = assign(specimen, &specimen.account, stale).await;
    assert!(
        matches!(refused, Err(ConnectorError::Changed(_))),
        "{refused:?}"
    );
    assert!(!holds(specimen).await, "nothing was assigned");
}

async fn takes_away_what_it_gave_and_may_be_asked_twice(specimen: &Specimen<'_>) {
    let approved = worth(specimen).await;
    let assignment = assign(specimen, &specimen.account, approved).await.unwrap();
    assert_eq!(assignment.action, specimen.action());
    assert_eq!(assignment.account, specimen.account);
    assert!(!assignment.held_before);
    assert!(holds(specimen).await, "it was assigned");
    let elsewhere = leave(ResourceId::from_parts(NOW, [0xee; 10]));
    let refused = specimen
        .connector
        .remove(elsewhere, &specimen.target(), &assignment)
        .await;
    assert!(
        matches!(refused, Err(ConnectorError::Permit(_))),
        "{refused:?}"
    );
    for _ in 0..2 {
        let removal = remove(specimen, &assignment).await;
        assert!(removal.held.is_gone(), "{removal:?}");
        assert!(!holds(specimen).await, "it is gone");
    }
}

async fn leaves_what_was_held_before(specimen: &Specimen<'_>) {
    let approved = worth(specimen).await;
    let first = assign(specimen, &specimen.account, approved).await.unwrap();
    let second = assign(specimen, &specimen.account, approved).await.unwrap();
    assert!(second.held_before && !first.held_before);
    let removal = remove(specimen, &second).await;
    assert!(
        removal.held.effective && removal.ended.is_empty(),
        "{removal:?}"
    );
    assert!(remove(specimen, &first).await.held.is_gone());
}

async fn knows_its_own_from_what_was_held_before(specimen: &Specimen<'_>) {
    let approved = worth(specimen).await;
    let right = specimen
        .connector
        .right(&specimen.resource, &specimen.action())
        .name;
    let ours = BTreeSet::from([right]);
    let first = assign(specimen, &specimen.account, approved).await.unwrap();
    let held = specimen
        .connector
        .held(&specimen.target(), &specimen.action(), &specimen.account)
        .await
        .unwrap();
    assert_eq!(held.through, ours, "it says by what the account has it");
    let second = assign_beside(specimen, &specimen.account, approved, &ours).await;
    assert!(!first.held_before && !second.unwrap().held_before);
    let removal = remove(specimen, &first).await;
    assert!(removal.held.is_gone() && removal.held.through.is_empty());
}

fn an_unknown_action_is_a_right_of_its_own(specimen: &Specimen<'_>) {
    let right = |action: &Action| specimen.connector.right(&specimen.resource, action);
    assert_ne!(
        right(&specimen.action()),
        right(&Action::named("no-such-action"))
    );
    assert_eq!(right(&specimen.action()), right(&specimen.action()));
}

async fn tells_an_unreachable_target_from_a_refusal(specimen: &Specimen<'_>) {
    let action = specimen.action();
    let nowhere = target(&specimen.unreachable, &specimen.credential);
    let gone = specimen.connector.effective(&nowhere, &action).await;
    assert!(
        matches!(gone, Err(ConnectorError::Unreachable { .. })),
        "{gone:?}"
    );
    let secret = String::from_utf8_lossy(&specimen.credential).into_owned();
    let wrong = target(&specimen.resource, b"not the credential");
    let refused = specimen
        .connector
        .held(&wrong, &action, &specimen.account)
        .await;
    assert!(
        matches!(refused, Err(ConnectorError::Refused { .. })),
        "{refused:?}"
    );
    assert!(!format!("{gone:?} {refused:?}").contains(&secret));
}

async fn worth(specimen: &Specimen<'_>) -> Digest {
    let effective = specimen
        .connector
        .effective(&specimen.target(), &specimen.action())
        .await
        .unwrap();
    effective.digest().unwrap()
}

async fn holds(specimen: &Specimen<'_>) -> bool {
    let held = specimen
        .connector
        .held(&specimen.target(), &specimen.action(), &specimen.account)
        .await;
    held.unwrap().effective
}

async fn assign(
    specimen: &Specimen<'_>,
    account: &str,
    approved: Digest,
) -> Result<Assignment, ConnectorError> {
    assign_beside(specimen, account, approved, &BTreeSet::new()).await
}

async fn assign_beside(
    specimen: &Specimen<'_>,
    account: &str,
    approved: Digest,
    ours: &BTreeSet<String>,
) -> Result<Assignment, ConnectorError> {
    let action = specimen.action();
    specimen
        .connector
        .assign(
            permit(&specimen.resource, &action, approved),
            &specimen.target(),
            &action,
            account,
            approved,
            ours,
        )
        .await
}

async fn remove(specimen: &Specimen<'_>, assignment: &Assignment) -> crate::Removal {
    specimen
        .connector
        .remove(leave(specimen.resource.id), &specimen.target(), assignment)
        .await
        .unwrap()
}
