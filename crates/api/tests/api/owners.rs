//! What one owner alone cannot do to the others, or in the place of somebody.

use axum::http::StatusCode;
use portcullis_model::{Action, Identity, Secret};
use portcullis_ports::Control;
use portcullis_ports::control::{Login, OpenWish};
use serde_json::{Value, json};

use crate::live_sessions::connection;
use crate::people::{gate, lodge, shell};
use crate::world::World;

async fn suspend(world: &World, by: &str, name: &str) -> crate::call::Reply {
    let path = format!("/identities/{name}/suspend");
    world.post(by, &path, json!({})).await
}

#[tokio::test]
async fn the_last_owner_of_a_sort_cannot_be_taken_away_by_anybody_alone() {
    let world = World::new().await;
    let people = world.people().await;
    for name in ["pia", "iris", "olaf"] {
        let refused = suspend(&world, &people.iris, name).await;
        assert_eq!(refused.problem(), (403, "last_owner".to_owned()), "{name}");
        assert!(
            refused.text().contains("identities add"),
            "{}",
            refused.text()
        );
    }
    suspend(&world, &people.iris, "rosa").await.done();
}

/// The attack: to be the only one left of a sort, without whom nothing can be signed any more.
#[tokio::test]
async fn nobody_makes_themselves_indispensable_by_taking_others_away() {
    let world = World::new().await;
    let people = world.people().await;
    let body = json!({"name": "ivan", "kind": "human", "roles": ["iam"]});
    let added = world.post(&people.iris, "/identities", body).await.done();
    world.sign(&added, &[&people.olaf, &people.pia]).await;
    world.invite("ivan", &people.iris).await;
    world.enroll("ivan").await;
    let refused = suspend(&world, &people.iris, "ivan").await;
    assert_eq!(refused.problem(), (403, "last_owner".to_owned()));
    suspend(&world, &people.pia, "ivan").await.done();
}

#[tokio::test]
async fn an_owner_who_has_a_successor_can_be_taken_away() {
    let world = World::new().await;
    let people = world.people().await;
    let body = json!({"name": "paul", "kind": "human", "roles": ["pam"]});
    let added = world.post(&people.iris, "/identities", body).await.done();
    world.sign(&added, &[&people.olaf, &people.pia]).await;
    let early = suspend(&world, &people.iris, "pia").await;
    assert_eq!(early.problem().1, "last_owner", "paul has not enrolled");
    world.invite("paul", &people.iris).await;
    world.enroll("paul").await;
    suspend(&world, &people.iris, "pia").await.done();
    let last = suspend(&world, &people.iris, "paul").await;
    assert_eq!(last.problem().1, "last_owner");
}

#[tokio::test]
async fn two_owners_taken_away_at_one_moment_leave_one() {
    let world = World::new().await;
    let people = world.people().await;
    let body = json!({"name": "paul", "kind": "human", "roles": ["pam"]});
    let added = world.post(&people.iris, "/identities", body).await.done();
    world.sign(&added, &[&people.olaf, &people.pia]).await;
    world.invite("paul", &people.iris).await;
    world.enroll("paul").await;
    let (one, other) = tokio::join!(
        suspend(&world, &people.iris, "pia"),
        suspend(&world, &people.olaf, "paul"),
    );
    let done = [&one, &other].map(|reply| reply.status.is_success());
    assert_ne!(done[0], done[1], "{one:?} {other:?}");
}

#[tokio::test]
async fn a_record_that_was_narrowed_meanwhile_is_not_widened_by_one_who_had_seen_it_before() {
    let world = World::new().await;
    let people = world.people().await;
    let [iris, olaf] = [&people.iris, &people.olaf].map(|token| Secret::new(token.clone()));
    let iris = world.engine.authenticate(&iris).await.unwrap();
    let olaf = world.engine.authenticate(&olaf).await.unwrap();
    let seen = world.engine.identity_record("rosa").await.unwrap();
    let suspended = Identity {
        active: false,
        ..seen.clone()
    };
    world.disk.slow_down();
    let narrowing = world.engine.put_identity_record(&iris, suspended);
    // The same as it was is no more than it was, for all that this one knows.
    let as_seen = async {
        world.disk.are_on_their_way(1).await;
        world.engine.put_identity_record(&olaf, seen).await
    };
    let then = async {
        world.disk.are_on_their_way(1).await;
        for _ in 0..10 {
            world.get(&people.olaf, "/identities").await.done();
        }
        world.disk.speed_up();
    };
    let (narrowed, as_seen, ()) = tokio::join!(narrowing, as_seen, then);
    assert_eq!(json!(narrowed.unwrap())["status"], "applied");
    assert_eq!(json!(as_seen.unwrap())["status"], "lapsed");
    let rosa = world.engine.identity_record("rosa").await.unwrap();
    assert!(!rosa.active);
}

/// An owner of identities who could let somebody enroll again alone would approve in their place.
#[tokio::test]
async fn nobody_alone_becomes_somebody_who_has_enrolled() {
    let world = World::new().await;
    let people = world.people().await;
    for name in ["rosa", "olaf", "iris"] {
        let path = format!("/identities/{name}/enroll");
        let reply = world.post(&people.iris, &path, json!({})).await;
        assert_eq!(reply.status, StatusCode::ACCEPTED, "{}", reply.text());
        let change = reply.json();
        assert_eq!(change["status"], "pending", "{change}");
        assert_eq!(change["title"], format!("let {name} enroll again"));
        assert!(change.get("enrolment_token").is_none(), "{change}");
    }
}

#[tokio::test]
async fn who_lost_a_phone_enrolls_again_when_two_signed() {
    let world = World::new().await;
    let people = world.people().await;
    let reply = world
        .post(&people.iris, "/identities/rosa/enroll", json!({}))
        .await;
    let signed = world.sign(&reply.json(), &[&people.pia]).await;
    assert!(signed.get("enrolment_token").is_none(), "not pia's to have");
    world.invite("rosa", &people.iris).await;
    assert_eq!(
        world.get(&people.rosa, "/whoami").await.status,
        StatusCode::OK
    );
    world.enroll("rosa").await;
    assert_eq!(world.get(&people.rosa, "/whoami").await.problem().0, 401);
    world.sign_in("rosa").await;
}

#[tokio::test]
async fn who_signs_a_replacement_sees_what_would_be_different() {
    let world = World::new().await;
    let people = world.people().await;
    gate(&world, &people).await;
    let weaker = Value::Object(
        lodge("gate")
            .as_object()
            .unwrap()
            .clone()
            .into_iter()
            .chain([
                ("environment".to_owned(), json!("development")),
                ("replace".to_owned(), json!(true)),
            ])
            .collect(),
    );
    let put = world.post(&people.olaf, "/resources", weaker).await.done();
    assert_eq!(put["change"]["title"], "replace resource gate");
    let told = &put["change"]["differences"];
    let expected = json!([
        {"field": "environment", "before": "production", "after": "development"}
    ]);
    assert_eq!(*told, expected);
}

#[tokio::test]
async fn who_signs_or_waits_sees_whose_signatures_are_missing() {
    let world = World::new().await;
    let people = world.people().await;
    let put = world.post(&people.olaf, "/resources", lodge("gate")).await;
    let change = put.done()["change"].clone();
    let all = "the signatures of different owners: iam, pam, resource";
    assert_eq!(change["needs"], all);
    assert_eq!(change["missing"], "iam (iris), pam (pia)");
    let once = world.sign(&change, &[&people.pia]).await;
    assert_eq!(once["needs"], all);
    assert_eq!(once["missing"], "iam (iris)");
    let applied = world.sign(&change, &[&people.iris]).await;
    assert_eq!(applied["status"], "applied");
    assert_eq!(
        (&applied["needs"], &applied["missing"]),
        (&json!(""), &json!(""))
    );
}

#[tokio::test]
async fn a_preview_promises_nothing_that_a_request_would_refuse() {
    let world = World::new().await;
    let people = world.people().await;
    gate(&world, &people).await;
    for (who, able) in [
        (&people.rosa, true),
        (&people.olaf, false),
        (&people.pia, false),
    ] {
        let ask = json!({"resource": "gate", "words": ["shell"]});
        let preview = world.post(who, "/preview", ask).await.done();
        let asked = world.post(who, "/requests", shell()).await;
        assert_eq!(preview["allowed"], able, "{preview}");
        assert_eq!(asked.status.is_success(), able, "{}", asked.text());
        if !able {
            assert_eq!(preview["denial"], asked.json()["detail"]);
        }
    }
}

#[tokio::test]
async fn who_asked_already_is_told_whom_it_waits_for() {
    let world = World::new().await;
    let people = world.people().await;
    gate(&world, &people).await;
    let ticket = connection(&world, &people.rosa).await;
    let asked = world.post(&people.rosa, "/requests", shell()).await.done();
    let wish = OpenWish {
        ticket,
        login: Login {
            account: "root".to_owned(),
            target: "gate".to_owned(),
        },
        action: Action::named("shell"),
        source: ([192, 0, 2, 7], 50_000).into(),
        connection: "one".to_owned(),
        key: None,
    };
    let refused = world.engine.open(wish).await.unwrap_err();
    let id = asked["id"].as_str().unwrap();
    assert!(refused.message.contains(id), "{}", refused.message);
    assert!(refused.message.contains("olaf"), "{}", refused.message);
}

/// Who enrolled is known before it is written that the founding is over.
#[tokio::test]
async fn a_founder_does_nothing_alone_any_more_once_three_owners_enrolled_though_that_is_not_written_down()
 {
    let world = World::founded_by("maria").await;
    let maria = world.sign_in("maria").await;
    for (name, role) in [("iris", "iam"), ("pia", "pam"), ("olaf", "resource")] {
        let body = json!({"name": name, "kind": "human", "roles": [role]});
        let added = world.post(&maria, "/identities", body).await.done();
        assert_eq!(added["status"], "applied", "{name}");
        world.invite(name, &maria).await;
    }
    let early = world
        .post(&maria, "/resources", lodge("early"))
        .await
        .done();
    assert_eq!(early["change"]["status"], "applied");
    world.disk.contend("installation.founding_ended");
    world.enroll("iris").await;
    world.enroll("pia").await;
    // Nor does that keep from olaf what is shown once.
    world.enroll("olaf").await;
    let late = world.post(&maria, "/resources", lodge("late")).await;
    assert_eq!(late.problem().0, 403, "{}", late.text());
}
