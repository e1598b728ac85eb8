//! What every rotator must do: draw values that differ, put one in force without losing the other's way
//! in too early, take the other out of force, and tell a target that refuses from one that cannot be asked.

#![expect(
    clippy::expect_used,
    reason = "a suite says what is wrong by panicking in the test that calls it"
)]

use portcullis_model::id::TypedId;
use portcullis_model::{Resource, ResourceId, Secret, SecretId, Timestamp};
use portcullis_policy::{DutyPermit, RecordedSecret, duty_to_rotate};

use super::authenticator::Drawn as Dice;
use crate::{Endpoint, Rotator, RotatorError, Site};

const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

/// A rotator to be tried, at a real target.
pub struct Specimen<'a> {
    /// The rotator.
    pub rotator: &'a dyn Rotator,
    /// A resource of its kind.
    pub resource: Resource,
    /// Where it listens.
    pub endpoint: Endpoint,
    /// An account there.
    pub account: String,
    /// The value that opens it.
    pub present: Vec<u8>,
    /// An address where nothing answers.
    pub unreachable: Endpoint,
}

impl Specimen<'_> {
    fn site(&self) -> Site<'_> {
        Site {
            resource: &self.resource,
            endpoint: &self.endpoint,
            account: &self.account,
        }
    }

    fn duty(&self) -> DutyPermit {
        leave(self.resource.id)
    }

    fn draw(&self, seed: u64) -> Secret<Vec<u8>> {
        self.rotator.draw(&Dice(seed)).expect("it draws").value
    }

    async fn accepts(&self, value: &Secret<Vec<u8>>) -> bool {
        let accepted = self.rotator.accepts(&self.site(), value).await;
        accepted.expect("the target can be asked")
    }

    async fn install(&self, present: &Secret<Vec<u8>>, candidate: &Secret<Vec<u8>>) {
        let installed = self
            .rotator
            .install(self.duty(), &self.site(), present, candidate, &Dice(10))
            .await;
        installed.expect("the candidate is put in force");
    }

    async fn retire(&self, candidate: &Secret<Vec<u8>>, former: &Secret<Vec<u8>>) {
        let retired = self
            .rotator
            .retire(self.duty(), &self.site(), candidate, former)
            .await;
        retired.expect("the former value is taken out of force");
    }
}

/// Leave to rotate at a resource.
pub fn leave(resource: ResourceId) -> DutyPermit {
    duty_to_rotate(&RecordedSecret {
        secret: SecretId::from_parts(NOW, [9; 10]),
        resource,
    })
}

/// Tries everything.
///
/// # Panics
/// When the rotator does not conform, saying in what.
pub async fn conforms(specimen: &Specimen<'_>) {
    draws_what_nobody_has(specimen).await;
    refuses_what_the_permit_does_not_cover(specimen).await;
    tells_an_unreachable_target_from_a_refusal(specimen).await;
    let second = changes_over_and_leaves_one_way_in(specimen).await;
    goes_on_after_a_crash_at_any_step(specimen, second).await;
}

async fn draws_what_nobody_has(specimen: &Specimen<'_>) {
    let (one, other) = (specimen.draw(1), specimen.draw(2));
    assert_ne!(one.expose(), other.expose());
    assert!(!specimen.accepts(&one).await, "a value nobody put in force");
    let present = Secret::new(specimen.present.clone());
    assert!(specimen.accepts(&present).await, "the specimen's own value");
}

async fn refuses_what_the_permit_does_not_cover(specimen: &Specimen<'_>) {
    let elsewhere = || leave(ResourceId::from_parts(NOW, [0xee; 10]));
    let (present, candidate) = (Secret::new(specimen.present.clone()), specimen.draw(3));
    let (rotator, site) = (specimen.rotator, specimen.site());
    for refused in [
        rotator
            .install(elsewhere(), &site, &present, &candidate, &Dice(10))
            .await,
        rotator
            .retire(elsewhere(), &site, &present, &candidate)
            .await,
    ] {
        assert!(
            matches!(refused, Err(RotatorError::Permit(_))),
            "{refused:?}"
        );
    }
    assert!(!specimen.accepts(&candidate).await, "nothing was changed");
}

async fn tells_an_unreachable_target_from_a_refusal(specimen: &Specimen<'_>) {
    let present = Secret::new(specimen.present.clone());
    let site = Site {
        endpoint: &specimen.unreachable,
        ..specimen.site()
    };
    let asked = specimen.rotator.accepts(&site, &present).await;
    assert!(
        matches!(asked, Err(RotatorError::Unreachable { .. })),
        "{asked:?}"
    );
    let wrong = specimen.draw(4);
    let installed = specimen
        .rotator
        .install(
            specimen.duty(),
            &specimen.site(),
            &wrong,
            &specimen.draw(5),
            &Dice(10),
        )
        .await;
    assert!(installed.is_err(), "a value that does not open it");
}

async fn changes_over_and_leaves_one_way_in(specimen: &Specimen<'_>) -> Secret<Vec<u8>> {
    let (first, second) = (Secret::new(specimen.present.clone()), specimen.draw(6));
    specimen.install(&first, &second).await;
    assert!(specimen.accepts(&second).await, "the candidate is accepted");
    specimen.retire(&second, &first).await;
    assert!(!specimen.accepts(&first).await, "the former value is not");
    assert!(!specimen.accepts(&specimen.draw(7)).await, "nor any other");
    assert!(specimen.accepts(&second).await, "the candidate still is");
    second
}

/// Every call may have been made already by a process that was killed before it could say so.
async fn goes_on_after_a_crash_at_any_step(specimen: &Specimen<'_>, present: Secret<Vec<u8>>) {
    let candidate = specimen.draw(8);
    specimen.install(&present, &candidate).await;
    if specimen.accepts(&present).await {
        specimen.install(&present, &candidate).await;
    }
    specimen.retire(&candidate, &present).await;
    specimen.retire(&candidate, &present).await;
    assert!(specimen.accepts(&candidate).await);
    assert!(!specimen.accepts(&present).await);
}
