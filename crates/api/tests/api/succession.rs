//! An owner who is lost: another is put in with the offline slot, not unseen, and by nothing else.

use std::collections::BTreeSet;
use std::sync::Arc;

use portcullis_engine::{Failure, Successor, succeed};
use portcullis_model::{OwnerRole, Secret};
use serde_json::{Value, json};

use crate::people::{People, gate, shell};
use crate::restored::{books, found, is, row, shelved, thaw};
use crate::world::{PASSPHRASE, PASSWORD, World};

/// An installation of four people and a gate.
async fn world() -> (World, People) {
    let world = World::new().await;
    let people = world.people().await;
    gate(&world, &people).await;
    (world, people)
}

/// Stops the server, and puts somebody in.
async fn recovered(
    world: World,
    name: &str,
    roles: &[OwnerRole],
    passphrase: &str,
) -> (World, Result<String, Failure>) {
    let world = world.stopped().await;
    let successor = Successor {
        name: name.to_owned(),
        roles: roles.iter().copied().collect::<BTreeSet<_>>(),
    };
    let passphrase = Secret::new(passphrase.to_owned());
    let token = succeed(world.ports.clone(), passphrase, successor).await;
    (world.restarted().await, token.map(Secret::expose_owned))
}

async fn sign(world: &World, token: &str, change: &Value) -> Value {
    let path = format!("/changes/{}/sign", change["id"].as_str().unwrap());
    let body = json!({"digest": change["digest"]});
    world.post(token, &path, body).await.done()
}

#[tokio::test]
async fn with_one_owner_lost_another_is_put_in_by_the_offline_slot_and_seen_by_all() {
    let (world, people) = world().await;
    // Without the passphrase there is no way: whoever is lost would have to sign.
    let lost = world
        .post(&people.iris, "/identities/olaf/suspend", json!({}))
        .await;
    assert_eq!(lost.problem(), (403, "last_owner".to_owned()));
    let (world, token) = recovered(world, "olga", &[OwnerRole::Resource], PASSPHRASE).await;
    world.keep_token("olga", token.unwrap());
    let olga = world.sign_in("olga").await;
    let asked = world.post(&people.rosa, "/requests", shell()).await;
    assert!(asked.text().contains("is frozen"), "{}", asked.text());
    let change = thaw(&world, &people.iris).await.done();
    assert_eq!(change["title"], "thaw (olga is put in for resource)");
    sign(&world, &people.pia, &change).await;
    assert_eq!(sign(&world, &olga, &change).await["status"], "applied");
    world.post(&people.rosa, "/requests", shell()).await.done();
    let lost = world
        .post(&people.iris, "/identities/olaf/suspend", json!({}))
        .await;
    assert_eq!(lost.done()["status"], "applied");
}

#[tokio::test]
async fn an_owner_whose_phone_is_lost_enrolls_again_and_keeps_nothing_of_before() {
    let (world, people) = world().await;
    let (world, token) = recovered(world, "olaf", &[], PASSPHRASE).await;
    // From this moment nothing counts that the owner had, and that a finder may have by now.
    assert_eq!(world.get(&people.olaf, "/whoami").await.problem().0, 401);
    let old = world.login("olaf", PASSWORD, &world.code("olaf")).await;
    assert_eq!(old.problem().0, 401);
    world.keep_token("olaf", token.unwrap());
    let olaf = world.sign_in("olaf").await;
    let change = thaw(&world, &people.iris).await.done();
    sign(&world, &people.pia, &change).await;
    assert_eq!(change["title"], "thaw (olaf enrolls again for resource)");
    assert_eq!(sign(&world, &olaf, &change).await["status"], "applied");
}

#[tokio::test]
async fn whoever_may_sign_more_by_it_or_never_enrolled_is_told_as_put_in() {
    let (world, people) = world().await;
    let add = json!({"name": "nora", "kind": "human", "roles": []});
    let change = world.post(&people.iris, "/identities", add).await.done();
    world.sign(&change, &[&people.pia]).await;
    let (world, _) = recovered(world, "nora", &[OwnerRole::Resource], PASSPHRASE).await;
    let (world, _) = recovered(world, "olaf", &[OwnerRole::Pam], PASSPHRASE).await;
    let (world, _) = recovered(world, "rosa", &[OwnerRole::Iam], PASSPHRASE).await;
    let (world, _) = recovered(world, "olaf", &[OwnerRole::Pam], PASSPHRASE).await;
    let change = thaw(&world, &people.iris).await.done();
    let all = "nora is put in for resource; olaf is put in for pam, resource; rosa is put in for iam; \
               olaf enrolls again for pam, resource";
    assert_eq!(change["title"], format!("thaw ({all})"));
}

#[tokio::test]
async fn nobody_is_put_in_without_the_passphrase_a_role_or_a_need() {
    let (world, _) = world().await;
    let (mut world, refused) = recovered(world, "olga", &[OwnerRole::Iam], "seven herons").await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("passphrase does not open"), "{refused}");
    for (name, why) in [
        ("olga", "--role"),
        ("rosa", "--role"),
        ("Olga", "is no name"),
    ] {
        let (again, refused) = recovered(world, name, &[], PASSPHRASE).await;
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains(why), "{name}: {refused}");
        world = again;
    }
    let people = world.people().await;
    world.post(&people.rosa, "/requests", shell()).await.done();
    let founding = World::founded_by("maria").await;
    let (_, refused) = recovered(founding, "olga", &[OwnerRole::Iam], PASSPHRASE).await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("is being founded"), "{refused}");
}

#[tokio::test]
async fn a_thaw_that_waited_lets_nobody_in_who_was_put_in_since() {
    let (world, people) = world().await;
    let (world, _) = recovered(world, "olga", &[OwnerRole::Resource], PASSPHRASE).await;
    let change = thaw(&world, &people.iris).await.done();
    sign(&world, &people.pia, &change).await;
    let (world, _) = recovered(world, "otto", &[OwnerRole::Resource], PASSPHRASE).await;
    let path = format!("/changes/{}/sign", change["id"].as_str().unwrap());
    let body = json!({"digest": change["digest"]});
    let signed = world.post(&people.olaf, &path, body).await;
    assert_eq!(signed.problem().0, 409, "{}", signed.text());
    let asked = world.post(&people.rosa, "/requests", shell()).await;
    assert_eq!(asked.problem().0, 503);
    // Whoever came before is not forgotten over who came last, nor over a restoration.
    let both = "olga is put in for resource; otto is put in for resource";
    let change = thaw(&world, &people.iris).await.done();
    assert_eq!(change["title"], format!("thaw ({both})"));
    let backup = world.backed_up().await;
    let world = world.restored_from(backup).await;
    let change = thaw(&world, &world.sign_in("iris").await).await.done();
    let all = format!("thaw ({both}; restored from a backup of 20");
    let title = change["title"].as_str().unwrap();
    assert!(title.starts_with(&all), "{title}");
}

#[tokio::test]
async fn whoever_was_put_in_is_not_replaced_by_an_owner_of_identities_meanwhile() {
    let (world, people) = world().await;
    let (world, token) = recovered(world, "olga", &[OwnerRole::Resource], PASSPHRASE).await;
    let path = "/identities/olga/enroll";
    let other = world.post(&people.iris, path, json!({})).await;
    assert_eq!(other.problem().0, 503, "{}", other.text());
    world.keep_token("olga", token.unwrap());
    world.sign_in("olga").await;
}

#[tokio::test]
async fn whoever_is_to_enroll_keeps_the_seat_and_the_others_theirs() {
    let (world, people) = world().await;
    let (world, olaf) = recovered(world, "olaf", &[], PASSPHRASE).await;
    // Olaf has yet to enroll: were he not counted, there would be no three owners left to protect.
    for who in ["olaf", "pia"] {
        let path = format!("/identities/{who}/suspend");
        let alone = world.post(&people.iris, &path, json!({})).await;
        assert_eq!(alone.problem(), (403, "last_owner".to_owned()), "{who}");
    }
    world.keep_token("olaf", olaf.unwrap());
    let olaf = world.sign_in("olaf").await;
    let change = thaw(&world, &people.iris).await.done();
    sign(&world, &people.pia, &change).await;
    assert_eq!(sign(&world, &olaf, &change).await["status"], "applied");
    // Nor does the thaw give away the seat of who was put in and has not come yet, whether or not they had one before.
    let (world, olga) = recovered(world, "olga", &[OwnerRole::Resource], PASSPHRASE).await;
    let change = thaw(&world, &people.iris).await.done();
    sign(&world, &people.pia, &change).await;
    assert_eq!(sign(&world, &olaf, &change).await["status"], "applied");
    let alone = world
        .post(&people.iris, "/identities/olga/enroll", json!({}))
        .await;
    let answer = alone.done();
    assert_eq!(answer["status"], "pending", "{answer}");
    world.keep_token("olga", olga.unwrap());
    world.sign_in("olga").await;
}

#[tokio::test]
async fn what_somebody_signed_before_they_were_put_in_anew_counts_for_nothing() {
    let (world, people) = world().await;
    let group = |name: &str| json!({"name": name, "path": "ordinary", "members": ["rosa"]});
    let signed = world.post(&people.iris, "/groups", group("signed")).await;
    let signed = signed.done();
    let other = world.post(&people.iris, "/groups", group("other")).await;
    let other = other.done();
    assert_eq!(
        sign(&world, &people.olaf, &signed).await["status"],
        "pending"
    );
    let made = world.post(&people.rosa, "/requests", shell()).await.done();
    let approved = format!("/requests/{}", made["id"].as_str().unwrap());
    let approve = json!({"digest": made["terms"]["digest"]});
    let path = format!("{approved}/approve");
    let waits = world.post(&people.olaf, &path, approve).await.done();
    assert_eq!(waits["status"], "pending", "{waits}");
    let (world, _) = recovered(world, "olaf", &[], PASSPHRASE).await;
    let status = async |path: &str| world.get(&people.iris, path).await.done()["status"].clone();
    let change = |change: &Value| format!("/changes/{}", change["id"].as_str().unwrap());
    assert_eq!(status(&change(&signed)).await, "lapsed");
    assert_eq!(status(&change(&other)).await, "pending");
    let shown = world.get(&people.rosa, &approved).await.done();
    assert_eq!(shown["status"], "voided", "{shown}");
}

#[tokio::test]
async fn what_grants_give_goes_on_and_is_not_told_as_found() {
    let (world, people) = shelved(&Arc::default()).await;
    let given = world.granted(&people, books(), &[&people.olaf]).await;
    let given = format!("/grants/{given}");
    is(&world, &people.rosa, &given, "active").await;
    let (world, _) = recovered(world, "olga", &[OwnerRole::Resource], PASSPHRASE).await;
    let change = thaw(&world, &people.iris).await.done();
    assert_eq!(
        found(&change),
        [row("shelf", "secret shelf-key", "accepted")]
    );
    is(&world, &people.rosa, &given, "active").await;
}
