//! Editing identities: who may act again, and what an edit that waited cannot undo.

use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};

use crate::call::request;
use crate::people::People;
use crate::world::{PASSWORD, World};

async fn edit(world: &World, by: &str, name: &str, body: Value) -> crate::call::Reply {
    let path = format!("/identities/{name}/edit");
    world.post(by, &path, body).await
}

async fn suspend(world: &World, people: &People, name: &str) {
    let path = format!("/identities/{name}/suspend");
    let suspended = world.post(&people.iris, &path, json!({})).await.done();
    assert_eq!(suspended["status"], "applied", "{suspended}");
}

async fn record(world: &World, people: &People, name: &str) -> Value {
    let all = world.get(&people.olaf, "/identities").await.done();
    let mut items = all["items"].as_array().unwrap().iter();
    items.find(|known| known["name"] == name).unwrap().clone()
}

/// A vendor's account that olaf answers for, for ten minutes.
async fn vendor(world: &World, people: &People) {
    let body = json!({"name": "vera", "kind": "vendor", "owner": "olaf", "ends_in_secs": 600});
    let added = world.post(&people.iris, "/identities", body).await.done();
    world.sign(&added, &[&people.pia]).await;
    world.invite("vera", &people.iris).await;
}

#[tokio::test]
async fn who_was_suspended_acts_again_once_two_signed_and_has_no_old_sign_in() {
    let world = World::new().await;
    let people = world.people().await;
    suspend(&world, &people, "rosa").await;
    let back = edit(&world, &people.iris, "rosa", json!({"activate": true})).await;
    let back = back.done();
    assert_eq!(
        (&back["status"], &back["title"]),
        (&json!("pending"), &json!("activate identity rosa"))
    );
    let told = json!([{"field": "active", "before": false, "after": true}]);
    assert_eq!(back["differences"], told);
    let early = world.login("rosa", PASSWORD, &world.code("rosa")).await;
    assert_eq!(early.problem().0, 401, "one owner alone lets nobody back");
    let signed = world.sign(&back, &[&people.pia]).await;
    assert_eq!(signed["status"], "applied", "{signed}");
    assert!(
        signed.get("enrolls").is_none(),
        "rosa has enrolled: {signed}"
    );
    assert_eq!(world.get(&people.rosa, "/whoami").await.problem().0, 401);
    let anew = world.sign_in("rosa").await;
    world.get(&anew, "/whoami").await.done();
}

/// The attack: an edit that is proposed before a suspension, and signed after it.
#[tokio::test]
async fn an_edit_that_waited_does_not_undo_a_suspension() {
    let world = World::new().await;
    let people = world.people().await;
    let promote = json!({"roles": ["resource"]});
    let waits = edit(&world, &people.iris, "rosa", promote.clone())
        .await
        .done();
    assert_eq!(waits["status"], "pending", "{waits}");
    suspend(&world, &people, "rosa").await;
    let late = world.sign(&waits, &[&people.pia, &people.olaf]).await;
    assert_eq!(late["status"], "lapsed", "{late}");
    let rosa = record(&world, &people, "rosa").await;
    assert_eq!((&rosa["active"], rosa.get("roles")), (&json!(false), None));

    let both = json!({"roles": ["resource"], "activate": true});
    let anew = edit(&world, &people.iris, "rosa", both).await.done();
    let applied = world.sign(&anew, &[&people.pia, &people.olaf]).await;
    assert_eq!(applied["status"], "applied", "{applied}");
    let rosa = record(&world, &people, "rosa").await;
    assert_eq!(
        (&rosa["active"], &rosa["roles"]),
        (&json!(true), &json!(["resource"]))
    );
}

/// A policy that forbids the members of a group something would miss them.
#[tokio::test]
async fn a_group_is_removed_by_three_owners_and_not_by_one() {
    let world = World::new().await;
    let people = world.people().await;
    let group = json!({"name": "lamps", "path": "ordinary", "members": ["rosa"]});
    let put = world.post(&people.iris, "/groups", group).await.done();
    world.sign(&put, &[&people.pia, &people.olaf]).await;
    let removal = request(Method::DELETE, "/groups/lamps", Some(&people.iris), None);
    let removal = world.reply(removal).await.done();
    assert_eq!(removal["status"], "pending", "{removal}");
    let removed = world.sign(&removal, &[&people.pia, &people.olaf]).await;
    assert_eq!(removed["status"], "applied", "{removed}");
    let groups = world.get(&people.iris, "/groups").await.done();
    assert_eq!(groups["items"], json!([]));
}

/// The attack: a signature that was superfluous once is kept until somebody is suspended again.
#[tokio::test]
async fn an_edit_from_before_a_record_was_changed_and_changed_back_counts_for_nothing() {
    let world = World::new().await;
    let people = world.people().await;
    suspend(&world, &people, "rosa").await;
    let back = json!({"activate": true});
    let first = edit(&world, &people.iris, "rosa", back.clone())
        .await
        .done();
    let second = edit(&world, &people.pia, "rosa", back).await.done();
    world.pass(Duration::from_secs(1));
    let signed = world.sign(&second, &[&people.iris]).await;
    assert_eq!(signed["status"], "applied", "{signed}");
    suspend(&world, &people, "rosa").await;
    let late = world.sign(&first, &[&people.pia]).await;
    assert_eq!(late["status"], "lapsed", "{late}");
    assert_eq!(record(&world, &people, "rosa").await["active"], false);
}

#[tokio::test]
async fn a_group_change_that_waited_brings_nobody_back_who_was_taken_out_meanwhile() {
    let world = World::new().await;
    let people = world.people().await;
    let members = |members: Value| json!({"name": "lamps", "path": "ordinary", "members": members});
    let put = |who, body| world.post(who, "/groups", body);
    let both = put(&people.iris, members(json!(["rosa", "olaf"])))
        .await
        .done();
    assert_eq!(
        world.sign(&both, &[&people.pia, &people.olaf]).await["status"],
        "applied"
    );

    let three = members(json!(["rosa", "olaf", "pia"]));
    let waits = put(&people.iris, three.clone()).await.done();
    let out = put(&people.pia, members(json!(["olaf"]))).await.done();
    assert_eq!(
        world.sign(&out, &[&people.iris, &people.olaf]).await["status"],
        "applied"
    );
    let late = world.sign(&waits, &[&people.pia, &people.olaf]).await;
    assert_eq!(late["status"], "lapsed", "{late}");
    let groups = world.get(&people.iris, "/groups").await.done();
    assert_eq!(
        groups["items"][0]["members"].as_array().unwrap().len(),
        1,
        "{groups}"
    );

    let anew = put(&people.iris, three).await.done();
    assert_eq!(
        world.sign(&anew, &[&people.pia, &people.olaf]).await["status"],
        "applied"
    );
}

#[tokio::test]
async fn of_two_edits_at_once_the_second_sets_nothing_back() {
    let world = World::new().await;
    let people = world.people().await;
    vendor(&world, &people).await;
    let longer = json!({"ends_in_secs": 6000});
    let longer = edit(&world, &people.iris, "vera", longer).await.done();
    let other = edit(&world, &people.iris, "vera", json!({"owner": "rosa"})).await;
    let other = other.done();
    assert_eq!(
        other["differences"],
        json!([{"field": "owner", "before": "olaf", "after": "rosa"}])
    );
    let first = world.sign(&other, &[&people.pia]).await;
    assert_eq!(first["status"], "applied", "{first}");
    let second = world.sign(&longer, &[&people.pia]).await;
    assert_eq!(second["status"], "lapsed", "{second}");
    assert_eq!(record(&world, &people, "vera").await["owner_name"], "rosa");
}

#[tokio::test]
async fn an_end_that_nobody_lives_to_see_is_no_end() {
    let world = World::new().await;
    let people = world.people().await;
    vendor(&world, &people).await;
    let ten_years = 10 * 366 * 24 * 3600;
    for secs in [ten_years + 60, 9_223_372_036_854_775, u64::MAX] {
        let body = json!({"ends_in_secs": secs});
        let refused = edit(&world, &people.iris, "vera", body).await;
        assert_eq!(refused.problem(), (400, "invalid".to_owned()), "{secs}");
        let body = json!({"name": "robin", "kind": "agent", "owner": "olaf", "ends_in_secs": secs});
        let refused = world.post(&people.iris, "/identities", body).await;
        assert_eq!(refused.problem(), (400, "invalid".to_owned()), "{secs}");
    }
    let body = json!({"ends_in_secs": ten_years - 60});
    edit(&world, &people.iris, "vera", body).await.done();
}

#[tokio::test]
async fn an_edit_that_only_narrows_needs_one_owner_and_any_other_more() {
    let world = World::new().await;
    let people = world.people().await;
    vendor(&world, &people).await;
    let shorter = json!({"ends_in_secs": 60});
    let shorter = edit(&world, &people.olaf, "vera", shorter).await.done();
    assert_eq!(shorter["status"], "applied", "{shorter}");
    let longer = json!({"ends_in_secs": 6000});
    let refused = edit(&world, &people.olaf, "vera", longer.clone()).await;
    assert_eq!(refused.problem(), (403, "policy".to_owned()));
    let longer = edit(&world, &people.iris, "vera", longer).await.done();
    assert_eq!(longer["missing"], "pam (pia)", "{longer}");
    let last = edit(&world, &people.iris, "pia", json!({"roles": []})).await;
    assert_eq!(last.problem(), (403, "last_owner".to_owned()));
    let own = edit(&world, &people.rosa, "rosa", json!({"roles": ["iam"]})).await;
    assert_eq!(own.problem(), (403, "not_eligible".to_owned()));
}

#[tokio::test]
async fn whose_end_is_put_off_after_it_passed_has_no_old_sign_in() {
    let world = World::new().await;
    let mut people = world.people().await;
    vendor(&world, &people).await;
    world.pass(Duration::from_mins(7));
    let old = world.sign_in("vera").await;
    world.pass(Duration::from_mins(3));
    assert_eq!(world.get(&old, "/whoami").await.problem().0, 401);
    people.iris = world.sign_in("iris").await;
    people.pia = world.sign_in("pia").await;
    let longer = json!({"ends_in_secs": 6000});
    let longer = edit(&world, &people.iris, "vera", longer).await.done();
    world.sign(&longer, &[&people.pia]).await;
    assert_eq!(world.get(&old, "/whoami").await.problem().0, 401);
    let anew = world.sign_in("vera").await;
    world.get(&anew, "/whoami").await.done();
}

#[tokio::test]
async fn an_edit_that_comes_to_nothing_or_cannot_be_is_refused_for_what_it_is() {
    let world = World::new().await;
    let people = world.people().await;
    vendor(&world, &people).await;
    for (name, body, status, told) in [
        ("rosa", json!({}), 400, "nothing about rosa"),
        ("rosa", json!({"activate": true}), 400, "nothing about rosa"),
        ("rosa", json!({"owner": "nobody"}), 404, "nobody"),
        ("nobody", json!({"activate": true}), 404, "nobody"),
        (
            "vera",
            json!({"owner": "vera"}),
            400,
            "cannot answer for itself",
        ),
        ("vera", json!({"roles": ["iam"]}), 400, "only people"),
    ] {
        let refused = edit(&world, &people.iris, name, body).await;
        assert_eq!(refused.problem().0, status, "{}", refused.text());
        assert!(refused.text().contains(told), "{}", refused.text());
    }
    suspend(&world, &people, "vera").await;
    let idle = edit(&world, &people.iris, "vera", json!({"owner": "rosa"})).await;
    assert!(idle.text().contains("--activate"), "{}", idle.text());
}
