//! Who is let in.

use super::control::CODE;
use super::sshd::{new_key, write_private};
use super::world::{World, ended};

#[tokio::test]
async fn a_key_and_a_code_let_in_and_the_ticket_dies_with_the_connection() {
    let world = World::new().await;
    let ran = world.run(&[], &["echo in"]).await;
    assert_eq!(ran.out, b"in\n", "{ran:?}");
    world
        .control
        .until("the ticket is void", |record| {
            record.forgotten.first().map(|_| ())
        })
        .await;
    let record = world.control.record();
    assert_eq!(record.codes, [CODE]);
    assert_eq!(record.proved[0].login.target, "web-1");
    assert_eq!(record.proved[0].public_key, new_key(1).1);
}

#[tokio::test]
async fn nobody_is_asked_for_a_code_after_a_step_up_elsewhere() {
    let world = World::new().await;
    world.control.script().needs_code = false;
    let ran = world.run(&["-o", "BatchMode=yes"], &["echo in"]).await;
    assert_eq!(ran.out, b"in\n", "{ran:?}");
    assert!(world.control.record().codes.is_empty());
}

#[tokio::test]
async fn a_client_that_cannot_be_asked_fails_with_a_hint() {
    let world = World::new().await;
    let ran = world.run(&["-o", "BatchMode=yes"], &["echo in"]).await;
    assert_eq!((ran.status, ran.out.len()), (Some(255), 0), "{ran:?}");
    assert!(ran.err.contains("portcullis step-up"), "{ran:?}");
}

#[tokio::test]
async fn a_wrong_code_may_be_corrected_but_not_guessed() {
    let world = World::new().await;
    world.answers(&["000000", "111111", CODE]);
    let ran = world.run(&[], &["echo in"]).await;
    assert_eq!(ran.out, b"in\n", "{ran:?}");
    assert_eq!(world.control.record().codes.len(), 3);

    let world = World::new().await;
    world.answers(&["000000", "111111", "222222", CODE]);
    let ran = world.run(&[], &["echo in"]).await;
    assert_eq!((ran.status, ran.out.len()), (Some(255), 0), "{ran:?}");
    assert_eq!(world.control.record().codes.len(), 3);
    assert!(world.control.record().order.is_empty());
}

#[tokio::test]
async fn an_unknown_key_is_not_asked_to_sign() {
    let world = World::new().await;
    write_private(&world.path("id"), &new_key(2).0);
    let ran = world.run(&[], &["echo in"]).await;
    assert_eq!(ran.status, Some(255), "{ran:?}");
    let record = world.control.record();
    assert_eq!(record.considered.len(), 1);
    assert!(record.proved.is_empty() && record.codes.is_empty());
}

#[tokio::test]
async fn a_key_that_is_offered_and_never_signs_proves_nothing() {
    let world = World::new().await;
    // ssh offers the known public key, is asked for a signature, and has another private key.
    write_private(&world.path("id"), &new_key(2).0);
    std::fs::write(world.path("id.pub"), new_key(1).1).unwrap();
    let ran = world.run(&[], &["echo in"]).await;
    assert_eq!((ran.status, ran.out.len()), (Some(255), 0), "{ran:?}");
    let record = world.control.record();
    assert_eq!(
        record.considered.len(),
        1,
        "the offer was worth a signature"
    );
    assert!(record.proved.is_empty() && record.codes.is_empty() && record.order.is_empty());
}

#[tokio::test]
async fn user_names_with_another_reading_are_refused_before_control_hears_of_them() {
    let world = World::new().await;
    for user in [
        "root",
        "root@",
        "@web-1",
        "root@web-1@web-2",
        "root@WEB",
        "root web@web-1",
        "-x@web-1",
        "root@web-1;id",
        "root@../web",
    ] {
        let ran = ended(world.ssh_as(user, &[], &["id"]).spawn().unwrap()).await;
        assert_eq!(ran.status, Some(255), "{user}: {ran:?}");
    }
    let record = world.control.record();
    assert!(record.considered.is_empty() && record.proved.is_empty());
}
