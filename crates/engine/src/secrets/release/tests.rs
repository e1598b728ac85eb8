//! A vault that holds the password of one resource, and permits that are for it and for others.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::time::Duration;

use portcullis_model::id::TypedId;
use portcullis_model::{Action, Digest, Environment, ResourceId, SecretId, Sensitivity, TenantId};
use portcullis_policy::{RecordedSecret, duty_to_rotate};
use portcullis_ports::conformance::authenticator::Drawn;
use portcullis_ports::conformance::connector::{leave, permit};
use portcullis_ports::{Clock, Store};
use portcullis_store::SqliteStore;
use portcullis_vault::{InstallationRoot, Keyring};

use super::*;
use crate::journal::Journal;
use crate::secrets::{Intake, draw_from};

const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);
const PASSWORD: &[u8] = b"seven herons under the weir";

/// A clock that stands still.
struct At(Timestamp);

impl Clock for At {
    fn now(&self) -> Timestamp {
        self.0
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

struct World {
    vault: Vault,
    secret: SecretId,
    /// Opened by the password.
    resource: Resource,
    /// Another one.
    elsewhere: Resource,
    store: Arc<dyn Store>,
    _folder: tempfile::TempDir,
}

fn resource(number: u8, credential: Option<&str>) -> Resource {
    Resource {
        id: ResourceId::from_parts(NOW, [number; 10]),
        name: format!("db-{number}"),
        kind: "postgres".to_owned(),
        environment: Environment::Production,
        sensitivity: Sensitivity::Internal,
        owners: BTreeSet::new(),
        credential: credential.map(str::to_owned),
        settings: serde_json::json!({}),
    }
}

impl World {
    async fn new() -> Self {
        Self::at(NOW).await
    }

    async fn at(moment: Timestamp) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> =
            Arc::new(SqliteStore::open(folder.path().join("store")).unwrap());
        let tenant = TenantId::from_parts(NOW, [1; 10]);
        let journal = Journal {
            store: Arc::clone(&store),
            clock: Arc::new(At(moment)),
            entropy: Arc::new(Drawn(1)),
            tenant,
            custody: Arc::default(),
        };
        let root = InstallationRoot::create(&mut draw_from(&Drawn(2))).unwrap();
        let keyring = Keyring::create(&root, tenant, &mut draw_from(&Drawn(3))).unwrap();
        let vault = Vault::new(keyring, journal.clone());
        let mut command = journal.command(None);
        let intake = Intake {
            name: "db-admin",
            kind: SecretKind::Password,
            public: "",
            value: &Secret::new(PASSWORD.to_vec()),
            change: None,
        };
        let secret = vault.store(&mut command, &intake).await.unwrap();
        command.commit().await.unwrap();
        Self {
            vault,
            secret,
            resource: resource(1, Some("db-admin")),
            elsewhere: resource(2, None),
            store,
            _folder: folder,
        }
    }

    /// How often something is in the record.
    fn recorded(&self) -> u64 {
        *self.store.committed().borrow()
    }

    async fn released(&self, warrant: Warrant<'_>) -> Result<Vec<u8>, Failure> {
        let released = self.vault.release(warrant, &self.resource).await?;
        Ok(released.1.expose_owned())
    }

    async fn to_rotate(&self, duty: &DutyPermit) -> Result<Vec<u8>, Failure> {
        let kind = SecretKind::Password;
        let released = self.vault.release_to_rotate(duty, kind, 1).await?;
        Ok(released.expose_owned())
    }
}

fn to_inject(at: &Resource) -> Warrant<'static> {
    let opening = permit(at, &Action::named("shell"), Digest::of_bytes(b""));
    let session = SessionId::from_parts(NOW, [3; 10]);
    Warrant::Session(opening, session)
}

fn to_assign(at: &Resource) -> Permit<Ordinary, AssignEntitlement> {
    permit(at, &Action::named("entitlement"), Digest::of_bytes(b""))
}

fn is_wrong_permit(outcome: &Result<Vec<u8>, Failure>) -> bool {
    matches!(outcome, Err(Failure::Denied { code, .. }) if *code == "wrong_permit")
}

#[tokio::test]
async fn a_permit_releases_the_secret_of_its_own_resource_and_no_other() {
    let world = World::new().await;
    let (assign_elsewhere, take_elsewhere) =
        (to_assign(&world.elsewhere), leave(world.elsewhere.id));
    let before = world.recorded();
    for warrant in [
        to_inject(&world.elsewhere),
        Warrant::Assignment(&assign_elsewhere),
        Warrant::Duty(&take_elsewhere),
    ] {
        let purpose = warrant.purpose();
        let refused = world.released(warrant).await;
        assert!(is_wrong_permit(&refused), "{purpose}: {refused:?}");
    }
    assert_eq!(world.recorded(), before, "nothing left the vault");

    let (assign, take) = (to_assign(&world.resource), leave(world.resource.id));
    for warrant in [
        to_inject(&world.resource),
        Warrant::Assignment(&assign),
        Warrant::Duty(&take),
    ] {
        assert_eq!(world.released(warrant).await.unwrap(), PASSWORD);
    }
    assert_eq!(world.recorded(), before + 3, "each is in the record");
}

#[tokio::test]
async fn a_permit_that_waited_too_long_releases_nothing_and_taking_away_is_never_too_late() {
    let lasts = Permit::<Ordinary, AssignEntitlement>::LIFETIME;
    let late = World::at(NOW.plus(lasts + Duration::from_millis(1))).await;
    let (assign, take) = (to_assign(&late.resource), leave(late.resource.id));
    let before = late.recorded();
    for warrant in [to_inject(&late.resource), Warrant::Assignment(&assign)] {
        let refused = late.released(warrant).await;
        assert!(
            matches!(refused, Err(Failure::Unavailable(_))),
            "{refused:?}"
        );
    }
    assert_eq!(late.recorded(), before, "nothing left the vault");
    assert_eq!(late.released(Warrant::Duty(&take)).await.unwrap(), PASSWORD);

    let in_time = World::at(NOW.plus(lasts)).await;
    let assign = to_assign(&in_time.resource);
    let released = in_time.released(Warrant::Assignment(&assign)).await;
    assert_eq!(released.unwrap(), PASSWORD);
}

#[tokio::test]
async fn a_secret_is_opened_for_rotation_by_leave_to_rotate_that_very_secret() {
    let world = World::new().await;
    let rotate = |secret| {
        duty_to_rotate(&RecordedSecret {
            secret,
            resource: world.resource.id,
        })
    };
    // What a grant gave is to be taken away at the same resource.
    let refused = world.to_rotate(&leave(world.resource.id)).await;
    assert!(is_wrong_permit(&refused), "{refused:?}");
    let another = rotate(SecretId::from_parts(NOW, [4; 10]));
    let refused = world.to_rotate(&another).await;
    assert!(matches!(refused, Err(Failure::Damaged(_))), "{refused:?}");
    let opened = world.to_rotate(&rotate(world.secret)).await;
    assert_eq!(opened.unwrap(), PASSWORD);
}
