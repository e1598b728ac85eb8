//! A machine's clock that is set back, ahead, and right again: nothing outlives what was approved.

use std::time::Duration;

use portcullis_engine::Options;
use serde_json::{Value, json};

use crate::people::{People, gate, shell};
use crate::world::{PASSWORD, World};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// As a server is started whose clock was ahead and is right now.
const TRUSTED: Options = Options {
    auditors: Vec::new(),
    auditors_only: false,
    tape_quota: None,
    trust_clock: true,
};

/// Rosa's grant for ten minutes.
async fn ten_minutes(world: &World, people: &People) -> String {
    let ask = json!({"span_secs": 600});
    let mut body = shell();
    body.as_object_mut()
        .unwrap()
        .extend(ask.as_object().unwrap().clone());
    let by = [people.olaf.as_str(), people.pia.as_str()];
    let id = world.granted(people, body, &by).await;
    let grant = world.until(&people.rosa, &at(&id), is_active).await;
    assert_eq!(grant["status"], "active");
    id
}

fn at(grant: &str) -> String {
    format!("/grants/{grant}")
}

fn is_active(grant: &Value) -> bool {
    grant["status"] == "active"
}

fn is_over(grant: &Value) -> bool {
    grant["status"] == "revoked"
}

async fn world() -> (World, People) {
    let world = World::new().await;
    let people = world.people().await;
    gate(&world, &people).await;
    (world, people)
}

#[tokio::test]
async fn a_clock_that_is_set_back_gives_no_grant_more_time() {
    let (world, people) = world().await;
    let grant = ten_minutes(&world, &people).await;
    world.clock().set_back(HOUR);
    world.pass(9 * MINUTE);
    assert!(is_active(
        &world.get(&people.rosa, &at(&grant)).await.done()
    ));
    world.pass(MINUTE);
    let over = world.until(&people.rosa, &at(&grant), is_over).await;
    assert_eq!(over["cause"]["why"], "expired", "{over}");
}

#[tokio::test]
async fn a_clock_that_is_set_back_gives_no_sign_in_more_time() {
    let (world, people) = world().await;
    world.clock().set_back(HOUR);
    world.pass(16 * MINUTE);
    let me = world.get(&people.rosa, "/whoami").await;
    assert_eq!(me.problem().0, 401);
}

#[tokio::test]
async fn a_server_that_is_started_with_its_clock_set_back_goes_on_from_its_last_entry() {
    let (world, people) = world().await;
    let grant = ten_minutes(&world, &people).await;
    world.clock().set_back(HOUR);
    let world = world.restarted().await;
    assert!(is_active(
        &world.get(&people.rosa, &at(&grant)).await.done()
    ));
    world.pass(10 * MINUTE);
    let over = world.until(&people.rosa, &at(&grant), is_over).await;
    assert_eq!(over["cause"]["why"], "expired", "{over}");
}

#[tokio::test]
async fn a_clock_that_jumps_ahead_ends_what_is_over_by_then() {
    let (world, people) = world().await;
    let grant = ten_minutes(&world, &people).await;
    // Short of the end of the sign-in that looks.
    world.clock().set_ahead(10 * MINUTE);
    let over = world.until(&people.rosa, &at(&grant), is_over).await;
    assert_eq!(over["cause"]["why"], "expired", "{over}");
}

#[tokio::test]
async fn a_clock_that_was_ahead_is_set_right_and_whatever_was_open_has_ended() {
    let (world, people) = world().await;
    world.clock().set_ahead(HOUR * 24 * 365);
    let ahead = world.people().await;
    let grant = ten_minutes(&world, &ahead).await;
    let asked = world.post(&ahead.rosa, "/requests", shell()).await.done();
    let body = json!({"name": "tom", "kind": "human", "roles": []});
    let change = world.post(&ahead.iris, "/identities", body).await.done();
    world.clock().set_back(HOUR * 24 * 365);
    let world = world.restarted_with(TRUSTED).await;
    for token in [&people.rosa, &ahead.rosa] {
        assert_eq!(world.get(token, "/whoami").await.problem().0, 401);
    }
    let rosa = world.sign_in("rosa").await;
    let over = world.until(&rosa, &at(&grant), is_over).await;
    assert_eq!(over["cause"]["why"], "no_longer_allowed", "{over}");
    let request = format!("/requests/{}", asked["id"].as_str().unwrap());
    assert_eq!(world.get(&rosa, &request).await.done()["status"], "voided");
    let iris = world.sign_in("iris").await;
    let change = format!("/changes/{}", change["id"].as_str().unwrap());
    assert_eq!(world.get(&iris, &change).await.done()["status"], "lapsed");
}

#[tokio::test]
async fn a_code_that_was_used_before_the_clock_was_ahead_is_not_good_again_after_it_was_set_right()
{
    let (world, _) = world().await;
    let code = world.code("rosa");
    world.login("rosa", PASSWORD, &code).await.done();
    world.clock().set_ahead(HOUR);
    world
        .login("rosa", PASSWORD, &world.code("rosa"))
        .await
        .done();
    world.clock().set_back(HOUR);
    // Once is enough, also when nothing happened before the next start.
    let world = world.restarted_with(TRUSTED).await.restarted().await;
    let again = world.login("rosa", PASSWORD, &code).await;
    assert_eq!(again.problem().0, 401);
    world.sign_in("rosa").await;
}

#[tokio::test]
async fn a_clock_that_is_trusted_and_not_behind_ends_nothing() {
    let (world, people) = world().await;
    let grant = ten_minutes(&world, &people).await;
    let world = world.restarted_with(TRUSTED).await;
    assert!(is_active(
        &world.get(&people.rosa, &at(&grant)).await.done()
    ));
}

#[tokio::test]
async fn a_clock_that_was_ahead_ends_no_founding_and_gives_none_more_time() {
    for (ahead, lasts) in [(8, true), (3, false)] {
        let world = World::founded_by("maria").await;
        world.enroll("maria").await;
        world.clock().set_ahead(24 * ahead * HOUR);
        world.sign_in("maria").await;
        world.clock().set_back(24 * ahead * HOUR);
        let world = world.restarted_with(TRUSTED).await;
        // Six days later, and seven.
        world.pass(if lasts { 24 * 6 * HOUR } else { 24 * 7 * HOUR });
        let maria = world.sign_in("maria").await;
        let body = json!({"name": "iris", "kind": "human", "roles": ["iam"]});
        let added = world.post(&maria, "/identities", body).await;
        assert_eq!(added.status.is_success(), lasts, "{}", added.text());
    }
}
