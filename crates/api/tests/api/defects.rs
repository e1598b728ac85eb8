//! Defects of the program itself: what meets one fails closed, and the rest does not go on as if nothing were.

use crate::live_sessions::Scene;
use crate::people::shell;

#[tokio::test]
async fn a_session_that_meets_a_defect_when_it_is_decided_ends_and_every_other_is_decided() {
    let scene = Scene::new().await;
    let (met, cursor) = scene.live().await;
    let (other, _) = scene.live().await;
    scene.world.disk.break_reading(&met.to_string());
    scene.close_the_gate().await;
    let mut told = scene.all_ended(cursor, 2).await;
    let met = told.remove(&met).expect("the one that met it ends");
    assert!(met.contains("could not be decided anew"), "{met}");
    let other = told.remove(&other).expect("the other ends too");
    assert!(other.contains("closed"), "{other}");
}

#[tokio::test]
async fn when_a_loop_ends_unasked_sessions_end_and_nothing_begins_and_the_server_is_told() {
    let scene = Scene::new().await;
    let (session, cursor) = scene.live().await;
    scene.world.disk.break_reading("events");
    // Whatever is written, loops read it: perhaps before this is answered, and then it is refused.
    scene
        .world
        .post(&scene.people.rosa, "/requests", shell())
        .await;
    let part = scene.world.broken().await;
    let why = scene.ended(session, cursor).await;
    assert!(why.contains(part), "{why}");
    assert!(why.contains("ended unasked"), "{why}");
    assert!(scene.is_shut().await.contains("start the server anew"));
}
