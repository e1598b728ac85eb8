//! Attacks through the doors a user has, each of which has to fail.

use std::process::Stdio;

use crate::world::{World, said};

#[test]
fn signing_in_and_approving_cannot_be_cheated() {
    let world = World::start();
    a_spent_or_wrong_code_signs_nobody_in(&world);
    world.login(&["rosa", "olaf", "pia"]);
    nobody_approves_their_own_request(&world);
    a_role_that_can_write_is_not_ordinary_by_its_name(&world);
    an_approval_of_other_terms_is_refused(&world);
}

fn a_spent_or_wrong_code_signs_nobody_in(world: &World) {
    let code = world.code("iris");
    assert!(world.login_with("iris", &code).status.success());
    for (name, code, why) in [
        ("iris", code.as_str(), "this one-time code was used already"),
        (
            "pia",
            "000000",
            "name, password or one-time code are not right",
        ),
    ] {
        let refused = world.login_with(name, code);
        assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
        assert!(said(&refused).contains(why), "{}", said(&refused));
    }
}

fn nobody_approves_their_own_request(world: &World) {
    let words = ["request", "analytics", "read", "--reason", "mine"];
    let id = world.json("rosa", &words, 4)["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        world.json("rosa", &["approve", &id], 3)["code"],
        "own_request"
    );
    // Not even as the only owner of the resource.
    let words = ["request", "analytics", "read", "--reason", "mine as well"];
    let own = world.json("olaf", &words, 3);
    assert_eq!(own["code"], "no_approver", "{own}");
}

fn a_role_that_can_write_is_not_ordinary_by_its_name(world: &World) {
    let denied = world.json(
        "rosa",
        &["request", "analytics", "audit", "--reason", "reading"],
        3,
    );
    assert_eq!(denied["code"], "policy", "{denied}");
    let why = denied["detail"].as_str().unwrap();
    assert!(why.contains("this changes state"), "{why}");
    let preview = world.run(&["--as", "rosa", "preview", "analytics", "audit"], "");
    let told = said(&preview);
    assert!(told.contains("INSERT on table public.orders"), "{told}");
}

fn an_approval_of_other_terms_is_refused(world: &World) {
    let words = ["request", "analytics", "read", "--reason", "terms"];
    let id = world.json("rosa", &words, 4)["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let other = "0".repeat(64);
    let refused = world.json("olaf", &["approve", &id, "--digest", &other], 1);
    assert_eq!(refused["code"], "conflict", "{refused}");
}

#[test]
fn the_ssh_door_lets_nothing_through_that_was_not_granted() {
    let Some(world) = World::with_hosts() else {
        return;
    };
    world.login(&["rosa", "olaf", "pia"]);
    // Her code is no obstacle: she is let in and may still do nothing but what she was granted.
    world.step_up();
    a_grant_of_something_else_opens_no_shell(&world);
    one_approval_of_a_command_runs_it_once_and_nothing_else(&world);
    one_approval_is_spent_once_by_clients_that_come_at_once(&world);
}

/// On the same host it is attacked with a task, in `tasks/paths.rs`.
fn a_grant_of_something_else_opens_no_shell(world: &World) {
    world.granted(&["analytics", "read", "--reason", "figures"], &["olaf"]);
    let refused = world.client("ssh", &["-tt", "web-1"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(3), "{}", said(&refused));
    assert!(
        said(&refused).contains("portcullis request web-1 shell --reason"),
        "{}",
        said(&refused)
    );
}

fn one_approval_of_a_command_runs_it_once_and_nothing_else(world: &World) {
    let words = ["web-1", "exec", "--reason", "look", "--", "echo", "granted"];
    world.granted(&words, &["olaf", "pia"]);
    let other = world
        .client("ssh", &["web-1", "echo granted; id"])
        .output()
        .unwrap();
    assert_eq!(other.status.code(), Some(3), "{}", said(&other));
    let first = world
        .client("ssh", &["web-1", "echo granted"])
        .output()
        .unwrap();
    assert!(first.status.success(), "{}", said(&first));
    assert_eq!(String::from_utf8_lossy(&first.stdout).trim(), "granted");
    let second = world
        .client("ssh", &["web-1", "echo granted"])
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(3), "{}", said(&second));
    assert!(
        said(&second).contains("the approval was for one use, and that use was made"),
        "{}",
        said(&second)
    );
}

fn one_approval_is_spent_once_by_clients_that_come_at_once(world: &World) {
    let words = ["web-1", "exec", "--reason", "race", "--", "echo raced"];
    world.granted(&words, &["olaf", "pia"]);
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let mut client = world.client("ssh", &["web-1", "echo raced"]);
            client.stdout(Stdio::piped()).stderr(Stdio::piped());
            client.spawn().unwrap()
        })
        .collect();
    let outputs = clients
        .into_iter()
        .map(|client| client.wait_with_output().unwrap());
    let (ran, refused): (Vec<_>, Vec<_>) = outputs.partition(|output| output.status.success());
    assert_eq!(ran.len(), 1, "{ran:?} {refused:?}");
    for output in refused {
        assert_eq!(output.status.code(), Some(3), "{}", said(&output));
        assert!(output.stdout.is_empty(), "{}", said(&output));
    }
}
