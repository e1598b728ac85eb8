//! What is told or opened while its record is slow, lost, or left by who waited for it.

use futures::future::join_all;
use portcullis_model::Secret;
use serde_json::{Value, json};

use crate::live_sessions::{Scene, set_the_gate};

/// Whose it is may begin to end it and be gone before the order is given: that order was written, and is given
/// to the gate by whoever ends the session next.
#[tokio::test]
async fn a_kill_that_broke_off_halfway_does_not_shield_from_the_next() {
    let scene = Scene::new().await;
    let (session, cursor) = scene.live().await;
    let token = Secret::new(scene.people.rosa.clone());
    let rosa = scene.world.engine.authenticate(&token).await.unwrap();
    scene.world.disk.fall_silent();
    tokio::select! {
        killed = scene.world.engine.kill(&rosa, session, "mine") => panic!("{killed:?}"),
        () = scene.until_ending(session) => {}
    }
    scene.world.disk.speak_again();
    let path = format!("/grants/{}/revoke", scene.request);
    let reason = json!({"reason": "enough"});
    let revoked = scene.world.post(&scene.people.olaf, &path, reason).await;
    revoked.done();
    // On a slow machine the first may have given its order before it broke off.
    let why = scene.ended(session, cursor).await;
    assert!(why == "mine" || why.contains("the grant is over"), "{why}");
}

/// A disk that hangs is no reason to let a session live.
#[tokio::test]
async fn a_session_is_told_to_end_while_that_is_being_written() {
    let scene = Scene::new().await;
    let (session, cursor) = scene.live().await;
    let token = Secret::new(scene.people.rosa.clone());
    let rosa = scene.world.engine.authenticate(&token).await.unwrap();
    scene.world.disk.slow_down();
    let told = async {
        scene.world.disk.are_on_their_way(1).await;
        let why = scene.ended(session, cursor).await;
        scene.world.disk.speed_up();
        why
    };
    let (killed, why) = tokio::join!(scene.world.engine.kill(&rosa, session, "mine"), told);
    assert_eq!(why, "mine");
    killed.unwrap();
}

/// A gate waits only so long; a target that answers late could have it leave while the session is being written.
#[tokio::test]
async fn a_session_that_nobody_takes_is_over_though_it_was_still_being_written() {
    let scene = Scene::new().await;
    scene.world.disk.slow_down();
    tokio::select! {
        opened = scene.open() => panic!("{opened:?}"),
        () = scene.world.disk.are_on_their_way(1) => {}
    }
    // Whoever looks for the session meanwhile does not find it.
    for _ in 0..10 {
        let none = scene
            .world
            .get(&scene.people.rosa, "/sessions")
            .await
            .done();
        assert_eq!(none["items"], json!([]));
    }
    scene.world.disk.speed_up();
    let over = |sessions: &Value| sessions["items"][0]["status"] == "ended";
    scene
        .world
        .until(&scene.people.rosa, "/sessions", over)
        .await;
}

/// Whoever leaves at once could have more written than anybody waits for.
#[tokio::test]
async fn of_one_persons_sessions_only_so_many_are_opened_at_once_though_nobody_waits_for_them() {
    const AT_ONCE: usize = 16;
    let scene = Scene::new().await;
    scene.world.disk.slow_down();
    let opening = join_all((0..AT_ONCE + 4).map(|_| scene.open()));
    tokio::select! {
        opened = opening => panic!("{opened:?}"),
        () = scene.world.disk.are_on_their_way(AT_ONCE) => {}
    }
    scene.world.disk.speed_up();
    let over = |sessions: &Value| {
        let sessions = sessions["items"].as_array();
        sessions.is_some_and(|sessions| {
            let ended = sessions
                .iter()
                .filter(|session| session["status"] == "ended");
            ended.count() >= AT_ONCE
        })
    };
    let rosa = &scene.people.rosa;
    let sessions = scene.world.until(rosa, "/sessions", over).await;
    assert_eq!(sessions["items"].as_array().unwrap().len(), AT_ONCE);
}

/// Whoever may watch could keep the record of a session busy.
#[tokio::test]
async fn a_session_is_told_to_end_though_that_cannot_be_written_and_it_is_written_later() {
    let scene = Scene::new().await;
    let (session, cursor) = scene.live().await;
    scene.world.disk.contend("session.kill_ordered");
    // One occasion and no other: another would have it looked at again in any case.
    set_the_gate(&scene, json!({"accounts": "keeper"})).await;
    let why = scene.ended(session, cursor).await;
    assert!(why.contains("does not offer"), "{why}");
    let show = format!("/sessions/{session}");
    let unwritten = scene.world.get(&scene.people.olaf, &show).await.done();
    assert_eq!(unwritten["status"], "live");
    scene.world.disk.leave_alone();
    let ending = |session: &Value| session["status"] == "ending";
    scene.world.until(&scene.people.olaf, &show, ending).await;
}
