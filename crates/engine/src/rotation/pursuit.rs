//! One attempt: ask the target, do the one thing that follows, ask again.

use portcullis_flow::secret::{Proof, Stand, Step};
use portcullis_model::Secret;
use portcullis_ports::{Entropy, RotatorError, Site};

use super::{Place, stand};
use crate::failure::Failure;

/// Present value and candidate, at the place where they are tried.
pub(super) struct Pursuit {
    pub(super) place: Place,
    pub(super) present: Secret<Vec<u8>>,
    pub(super) candidate: Secret<Vec<u8>>,
}

/// Why an attempt ended early, and how the target stood when it last told.
pub(super) struct Setback {
    pub(super) stands: Option<(Stand, Stand)>,
    pub(super) seen: String,
}

impl Setback {
    pub(super) fn before(failure: &Failure) -> Self {
        Self {
            stands: None,
            seen: failure.to_string(),
        }
    }
}

impl Place {
    pub(super) fn site(&self) -> Site<'_> {
        Site {
            resource: &self.resource,
            endpoint: &self.endpoint,
            account: &self.account,
        }
    }
}

impl Pursuit {
    /// How the target stands to candidate and present value. The present one comes last: where it is
    /// accepted, it clears what a target may count of failed attempts.
    pub(super) async fn stands(&self) -> Result<(Stand, Stand), RotatorError> {
        let site = self.place.site();
        let rotator = &self.place.rotator;
        let candidate = rotator.accepts(&site, &self.candidate).await?;
        let present = rotator.accepts(&site, &self.present).await?;
        Ok((stand(candidate), stand(present)))
    }

    /// From wherever the target stands to the proof. Each step is taken once at most: one that worked is seen
    /// to have worked, or the attempt is over.
    pub(super) async fn run(&self, entropy: &dyn Entropy) -> Result<Proof, Setback> {
        let mut taken = None;
        loop {
            let stands = self.stands().await.map_err(|error| Setback {
                stands: None,
                seen: error.to_string(),
            })?;
            let setback = |seen: String| Setback {
                stands: Some(stands),
                seen,
            };
            let step = Step::after(stands.0, stands.1);
            if taken == Some(step) {
                return Err(setback(without_effect(step).to_owned()));
            }
            taken = Some(step);
            let done = match step {
                Step::Install => self.install(entropy).await,
                Step::Retire => self.retire().await,
                Step::Confirm => {
                    let proof = self.confirm(entropy).await;
                    return proof.map_err(|error| setback(error.to_string()));
                }
                Step::Lost => return Err(setback(LOST.to_owned())),
            };
            done.map_err(|error| setback(error.to_string()))?;
        }
    }

    async fn install(&self, entropy: &dyn Entropy) -> Result<(), RotatorError> {
        let (place, site) = (&self.place, self.place.site());
        let rotator = &place.rotator;
        rotator
            .install(place.duty(), &site, &self.present, &self.candidate, entropy)
            .await
    }

    async fn retire(&self) -> Result<(), RotatorError> {
        let (place, site) = (&self.place, self.place.site());
        let rotator = &place.rotator;
        rotator
            .retire(place.duty(), &site, &self.candidate, &self.present)
            .await
    }

    /// The former value was refused a moment ago; a value nobody set has to be refused as well, and the
    /// candidate comes last, so that it clears what the target may count of the two.
    async fn confirm(&self, entropy: &dyn Entropy) -> Result<Proof, RotatorError> {
        let rotator = &self.place.rotator;
        let site = self.place.site();
        let random = rotator.draw(entropy)?.value;
        let random_refused = !rotator.accepts(&site, &random).await?;
        let candidate_accepted = rotator.accepts(&site, &self.candidate).await?;
        let proof = Proof {
            candidate_accepted,
            former_refused: true,
            random_refused,
        };
        if candidate_accepted && random_refused {
            return Ok(proof);
        }
        Err(RotatorError::Refused {
            target: self.place.resource.name.clone(),
            what: "tell one credential from another",
            cause: format!(
                "the new one is {}, one drawn at random is {}",
                word(candidate_accepted),
                word(!random_refused)
            ),
        })
    }
}

const fn word(accepted: bool) -> &'static str {
    if accepted { "accepted" } else { "refused" }
}

/// Neither value opens the target.
const LOST: &str = "the target accepts neither the present nor the new value: see whether the account is locked, and \
                    set it by hand to a value that is then added with secrets add";

const fn without_effect(step: Step) -> &'static str {
    match step {
        Step::Install => "the new value was set, but the target does not accept it",
        Step::Retire => "the former value was removed, but the target still accepts it",
        Step::Confirm | Step::Lost => "nothing changed at the target",
    }
}
