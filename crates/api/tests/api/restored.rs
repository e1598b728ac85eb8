//! An installation restored from a backup: nothing of what was open counts, and nothing opens until three owners have
//! seen what the targets hold.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use portcullis_engine::{Options, Running, Unlock, restore, sealed_with};
use portcullis_model::{Secret, Timestamp};
use portcullis_ports::Connector;
use portcullis_store::forget_strays;
use serde_json::{Value, json};

use crate::call::Reply;
use crate::gate::Gate;
use crate::people::{People, gate, shell, vaulted};
use crate::rotation::{Lock, locked_gate};
use crate::shelf::Shelf;
use crate::world::{PASSPHRASE, PASSWORD, World};

/// A shelf that offers books and maps.
pub async fn shelved(shelf: &Arc<Shelf>) -> (World, People) {
    let connector: Arc<dyn Connector> = shelf.clone();
    let world = World::with(vec![connector]).await;
    let people = world.people().await;
    vaulted(&world, &people, "shelf-key").await;
    let body = json!({
        "name": "shelf", "kind": "shelf", "environment": "production",
        "sensitivity": "internal", "owners": ["olaf"], "credential": "shelf-key",
        "settings": {"offers": ["books", "maps"]},
    });
    world.put(&people, body).await;
    (world, people)
}

pub fn books() -> Value {
    json!({"resource": "shelf", "words": ["books"], "reason": "to read"})
}

pub async fn is(world: &World, token: &str, path: &str, status: &str) -> Value {
    let wanted = |record: &Value| record["status"] == status;
    world.until(token, path, wanted).await
}

pub async fn thaw(world: &World, token: &str) -> Reply {
    world.post(token, "/thaw", json!({})).await
}

/// Proposed by iris, signed by the others.
async fn thawed(world: &World, people: &People) -> Value {
    let change = thaw(world, &people.iris).await.done();
    world.sign(&change, &[&people.olaf, &people.pia]).await
}

/// What a thaw says was found: resource, what, how it stands.
pub fn found(change: &Value) -> Vec<[String; 3]> {
    let found = change["body"]["found"].as_array().unwrap();
    let word = |finding: &Value, field: &str| finding[field].as_str().unwrap().to_owned();
    let found = found.iter();
    found
        .map(|finding| ["resource", "what", "stands"].map(|field| word(finding, field)))
        .collect()
}

pub fn row(resource: &str, what: &str, stands: &str) -> [String; 3] {
    [resource, what, stands].map(str::to_owned)
}

#[tokio::test]
async fn what_was_open_when_the_backup_was_taken_is_over_and_taken_away() {
    let shelf = Arc::new(Shelf::default());
    let (world, people) = shelved(&shelf).await;
    gate(&world, &people).await;
    let given = world.granted(&people, books(), &[&people.olaf]).await;
    let given = format!("/grants/{given}");
    is(&world, &people.rosa, &given, "active").await;
    let both = [people.olaf.as_str(), people.pia.as_str()];
    let entered = world.granted(&people, shell(), &both).await;
    let entered = format!("/grants/{entered}");
    let asked = world.post(&people.rosa, "/requests", shell()).await.done();
    let body = json!({"name": "tom", "kind": "human", "roles": []});
    let change = world.post(&people.iris, "/identities", body).await.done();
    let world = {
        let backup = world.backed_up().await;
        world.restored_from(backup).await
    };
    for token in [&people.rosa, &people.olaf] {
        assert_eq!(world.get(token, "/whoami").await.problem().0, 401);
    }
    let people = world.people().await;
    let over = is(&world, &people.rosa, &given, "revoked").await;
    assert_eq!(over["cause"]["why"], "no_longer_allowed", "{over}");
    assert!(!shelf.has("rosa", "books"));
    is(&world, &people.rosa, &entered, "revoked").await;
    let request = format!("/requests/{}", asked["id"].as_str().unwrap());
    is(&world, &people.rosa, &request, "voided").await;
    let change = format!("/changes/{}", change["id"].as_str().unwrap());
    is(&world, &people.rosa, &change, "lapsed").await;
}

#[tokio::test]
async fn nothing_opens_until_three_owners_have_thawed_it() {
    let shelf = Arc::new(Shelf::default());
    let (world, people) = shelved(&shelf).await;
    gate(&world, &people).await;
    let backup = world.backed_up().await;
    let world = world.restored_from(backup).await;
    let frozen = |reply: Reply| {
        let (status, code) = reply.problem();
        assert_eq!((status, code.as_str()), (503, "unavailable"));
        assert!(reply.text().contains("is frozen"), "{}", reply.text());
    };
    // Over a restart, too.
    let world = world.restarted().await;
    let people = world.people().await;
    frozen(world.post(&people.rosa, "/requests", books()).await);
    frozen(world.post(&people.rosa, "/requests", shell()).await);
    assert_eq!(thaw(&world, &people.rosa).await.problem().0, 403);
    let change = thaw(&world, &people.iris).await.done();
    let halfway = world.sign(&change, &[&people.olaf]).await;
    assert_eq!(halfway["status"], "pending");
    frozen(world.post(&people.rosa, "/requests", books()).await);
    let signed = world.sign(&halfway, &[&people.pia]).await;
    assert_eq!(signed["status"], "applied", "{signed}");
    let given = world.granted(&people, books(), &[&people.olaf]).await;
    is(&world, &people.rosa, &format!("/grants/{given}"), "active").await;
    let both = [people.olaf.as_str(), people.pia.as_str()];
    world.granted(&people, shell(), &both).await;
    let door = Gate::sign_in(&world, "rosa", &people.rosa, "gate").await;
    assert!(door.open(&world).await.is_ok());
    assert_eq!(thaw(&world, &people.iris).await.problem().0, 409);
    let world = world.restarted().await;
    world.post(&people.rosa, "/requests", books()).await.done();
}

#[tokio::test]
async fn no_session_opens_and_no_rotation_begins_while_it_is_frozen() {
    let lock = Lock::with(b"first");
    let world = World::rotating_by(lock.clone()).await;
    let people = locked_gate(&world).await;
    let ask = json!({"resource": "gate", "words": ["shell"], "reason": "the lamp is out"});
    let both = [people.olaf.as_str(), people.pia.as_str()];
    world.granted(&people, ask, &both).await;
    let backup = world.backed_up().await;
    let world = world.restored_from(backup).await;
    let people = world.people().await;
    let door = Gate::sign_in(&world, "rosa", &people.rosa, "gate").await;
    let refused = door.open(&world).await.err().unwrap().to_string();
    assert!(refused.contains("is frozen"), "{refused}");
    let path = "/secrets/gate-key/rotate";
    let rotated = world.post(&people.olaf, path, json!({})).await;
    assert_eq!(rotated.problem().0, 503);
    assert_eq!(lock.holds.lock().unwrap().as_slice(), [b"first"]);
}

#[tokio::test]
async fn owners_are_told_what_the_targets_hold_that_the_backup_does_not_know() {
    let shelf = Arc::new(Shelf::default());
    let (world, people) = shelved(&shelf).await;
    let backup = world.backed_up().await;
    let given = world.granted(&people, books(), &[&people.olaf]).await;
    is(&world, &people.rosa, &format!("/grants/{given}"), "active").await;
    let world = world.restored_from(backup).await;
    assert!(
        shelf.has("rosa", "books"),
        "no grant in the backup tells of it"
    );
    let people = world.people().await;
    let change = thaw(&world, &people.iris).await.done();
    let wanted = [
        row("shelf", "rosa: books", "held_without_grant"),
        row("shelf", "secret shelf-key", "accepted"),
    ];
    assert_eq!(found(&change), wanted);
    let told = change["differences"].to_string();
    assert!(told.contains("held, and no grant gave it"), "{told}");
    // Which is nobody else's business: neither in the change, nor in lists, nor in its evidence.
    let path = format!("/changes/{}", change["id"].as_str().unwrap());
    let evidence = format!("/ledger/evidence/{}", change["id"].as_str().unwrap());
    for (who, told) in [(&people.pia, true), (&people.rosa, false)] {
        for path in [path.as_str(), "/changes"] {
            let seen = world.get(who, path).await;
            assert_eq!(seen.text().contains("held_without_grant"), told, "{path}");
            assert_eq!(seen.text().contains("no grant gave it"), told, "{path}");
        }
        let seen = world.get(who, &path).await;
        assert_eq!(seen.text().contains("shelf-key"), told, "{}", seen.text());
    }
    assert_eq!(world.get(&people.rosa, &evidence).await.problem().0, 403);
}

#[tokio::test]
async fn a_secret_that_was_rotated_since_is_told_as_refused_and_one_out_of_reach_as_that() {
    let lock = Lock::with(b"first");
    let world = World::rotating_by(lock.clone()).await;
    locked_gate(&world).await;
    let backup = world.backed_up().await;
    *lock.holds.lock().unwrap() = vec![b"second".to_vec()];
    let world = world.restored_from(backup).await;
    let people = world.people().await;
    let change = thaw(&world, &people.iris).await.done();
    assert_eq!(found(&change), [row("gate", "secret gate-key", "refused")]);
    lock.away.store(true, Ordering::SeqCst);
    let change = thaw(&world, &people.iris).await.done();
    assert_eq!(
        found(&change),
        [row("gate", "secret gate-key", "unreachable")]
    );
}

#[tokio::test]
async fn what_cannot_be_taken_away_holds_nobody_up_and_is_told() {
    let shelf = Arc::new(Shelf::default());
    let (world, people) = shelved(&shelf).await;
    let given = world.granted(&people, books(), &[&people.olaf]).await;
    is(&world, &people.rosa, &format!("/grants/{given}"), "active").await;
    let backup = world.backed_up().await;
    shelf.lock_up();
    let world = world.restored_from(backup).await;
    let people = world.people().await;
    let signed = thawed(&world, &people).await;
    assert_eq!(signed["status"], "applied", "{signed}");
    let wanted = [
        row("shelf", "rosa: books", "not_proved_gone"),
        row("shelf", "secret shelf-key", "unreachable"),
    ];
    assert_eq!(found(&signed), wanted);
}

#[tokio::test]
async fn a_thaw_that_waits_in_a_backup_thaws_nothing_that_is_restored_from_it() {
    let (world, _) = shelved(&Arc::default()).await;
    let backup = world.backed_up().await;
    let world = world.restored_from(backup).await;
    let people = world.people().await;
    let change = thaw(&world, &people.iris).await.done();
    let backup = world.backed_up().await;
    assert_eq!(thawed(&world, &people).await["status"], "applied");
    let world = world.restored_from(backup).await;
    let people = world.people().await;
    let path = format!("/changes/{}/sign", change["id"].as_str().unwrap());
    for token in [&people.olaf, &people.pia] {
        let signed = world
            .post(token, &path, json!({"digest": change["digest"]}))
            .await;
        assert_eq!(signed.problem().0, 409);
    }
    let asked = world.post(&people.rosa, "/requests", books()).await;
    assert_eq!(asked.problem().0, 503);
}

#[tokio::test]
async fn a_founder_thaws_alone_what_was_not_founded_to_its_end() {
    let world = World::founded_by("maria").await;
    world.enroll("maria").await;
    let backup = world.backed_up().await;
    let world = world.restored_from(backup).await;
    let maria = world
        .login("maria", PASSWORD, &world.code("maria"))
        .await
        .done();
    let maria = maria["token"].as_str().unwrap();
    let change = thaw(&world, maria).await.done();
    assert_eq!(change["status"], "applied", "{change}");
}

#[tokio::test]
async fn a_backup_is_restored_with_the_offline_slot_and_served_with_a_new_online_key() {
    let (world, _) = shelved(&Arc::default()).await;
    let before = world.online().to_owned();
    let backup = world.backed_up().await;
    let refused = restore(
        world.ports_in(&world.backed_up().await),
        world.now(),
        secret("seven herons"),
    )
    .await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("passphrase does not open"), "{refused}");
    let world = world.restored_from(backup).await;
    let ports = world.ports.clone();
    let old = Unlock::Online(secret(&before));
    let refused = Running::start(ports, Options::default(), old).await;
    assert!(
        refused.is_err(),
        "the key of the lost machine started what was restored"
    );
}

#[tokio::test]
async fn what_no_ledger_vouches_for_is_not_restored() {
    let (world, _) = shelved(&Arc::default()).await;
    let restored = async |change: fn(&std::path::Path)| {
        let backup = world.backed_up().await;
        change(backup.path());
        let ports = world.ports_in(&backup);
        let restored = restore(ports, world.now(), secret(PASSPHRASE)).await;
        restored.map(drop).map_err(|failure| failure.to_string())
    };
    restored(|_| {}).await.unwrap();
    let told = restored(|backup| std::fs::remove_dir_all(backup.join("ledger")).unwrap()).await;
    assert!(told.unwrap_err().contains("vouches for 0 of them"));
    // The same store goes on for an event, of which its ledger does not know.
    let before = world.backed_up().await;
    world.people().await;
    let after = world.backed_up().await;
    std::fs::remove_dir_all(after.path().join("ledger")).unwrap();
    std::fs::rename(before.path().join("ledger"), after.path().join("ledger")).unwrap();
    let told = restore(world.ports_in(&after), world.now(), secret(PASSPHRASE)).await;
    let told = told.unwrap_err().to_string();
    assert!(
        told.contains("vouches for") && !told.contains("for 0 of"),
        "{told}"
    );
    let told = restored(|backup| {
        for file in ["store.db", "store.db-wal"].map(|name| backup.join(name)) {
            let bytes = std::fs::read(&file).unwrap_or_default();
            let words = bytes.windows(4).enumerate();
            let places = words
                .filter(|(_, word)| word == b"rosa")
                .map(|(place, _)| place);
            let mut forged = bytes.clone();
            places.for_each(|place| forged[place] = b'm');
            std::fs::write(&file, forged).unwrap();
        }
    });
    assert!(told.await.is_err());
}

#[tokio::test]
async fn what_is_restored_is_as_old_as_its_last_event_whatever_the_backup_says() {
    let (world, _) = shelved(&Arc::default()).await;
    let (early, late) = (world.backed_up().await, world.backed_up().await);
    let told = restore(
        world.ports_in(&early),
        Timestamp::default(),
        secret(PASSPHRASE),
    );
    let told = told.await;
    let told = told.unwrap_err().to_string();
    assert!(told.contains("its last event was at"), "{told}");
    let next_year = world.now().plus(Duration::from_hours(365 * 24));
    let restored = restore(world.ports_in(&late), next_year, secret(PASSPHRASE)).await;
    let as_of = restored.unwrap().as_of;
    assert!(as_of > Timestamp::default() && as_of <= world.now());
    let backup = world.backed_up().await;
    world.pass(Duration::from_hours(24));
    let world = world.restored_from(backup).await;
    let change = thaw(&world, &world.sign_in("iris").await).await.done();
    assert_eq!(
        change["body"]["frozen"]["causes"][0]["taken_at"],
        json!(as_of)
    );
    let title = format!("thaw (restored from a backup of {as_of})");
    assert_eq!(change["title"], title);
}

/// Had one more event been sealed with, its row would be deleted from what is restored.
#[tokio::test]
async fn everything_that_is_sealed_belongs_to_an_event() {
    let lock = Lock::with(b"first");
    let world = World::rotating_by(lock.clone()).await;
    let people = locked_gate(&world).await;
    let ask = json!({"resource": "gate", "words": ["shell"], "reason": "the lamp is out"});
    let both = [people.olaf.as_str(), people.pia.as_str()];
    world.granted(&people, ask, &both).await;
    let door = Gate::sign_in(&world, "rosa", &people.rosa, "gate").await;
    door.open(&world).await.unwrap();
    let path = "/secrets/gate-key/rotate";
    world.post(&people.olaf, path, json!({})).await;
    let backup = world.backed_up().await;
    let store = backup.path().join("store.db");
    assert_eq!(forget_strays(&store, &sealed_with).unwrap(), 0);
    let world = world.restored_from(backup).await;
    let backup = world.backed_up().await;
    let store = backup.path().join("store.db");
    assert_eq!(forget_strays(&store, &sealed_with).unwrap(), 0);
}

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}
