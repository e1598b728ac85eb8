//! Separation of duties, attacked: through groups, through machines, through words.

use crate::world::{World, said, text};

#[test]
fn nobody_approves_their_own_request_through_a_group_or_a_machine_of_theirs() {
    let Some(world) = World::with_hosts() else {
        return;
    };
    world.login(&["rosa", "olaf", "iris", "pia"]);
    approvers_are(&world, &["rosa"]);
    the_second_stage_belongs_to_the_group(&world);
    a_group_that_is_the_requester_alone_approves_nothing(&world);
    joining_the_group_after_asking_makes_nobody_an_approver(&world);
    a_machine_of_the_requesters_approves_nothing_for_them(&world);
}

/// The members of the group of approvers, from now on.
fn approvers_are(world: &World, members: &[&str]) {
    let mut words = vec!["groups", "add", "approvers", "--path", "privileged"];
    words.extend(members.iter().flat_map(|name| ["--member", name]));
    world.signed("iris", &words);
}

fn the_second_stage_belongs_to_the_group(world: &World) {
    let folder = world.folder().join("bundle");
    let path = folder.to_str().unwrap();
    world.run(&["--as", "iris", "policy", "show", "--out", path], "");
    let flows = folder.join("privileged/flows.toml");
    let shipped = std::fs::read_to_string(&flows).unwrap();
    let second = r#"eligible = ["pam_owners", "resource_owners"]"#;
    assert!(shipped.contains(second));
    let ours = shipped.replace(second, r#"eligible = [{ group = "approvers" }]"#);
    std::fs::write(&flows, ours).unwrap();
    world.signed("iris", &["policy", "propose", "--policies", path]);
}

fn ask(world: &World, why: &str) -> String {
    world.asked(&["web-1", "shell", "--reason", why])
}

fn a_group_that_is_the_requester_alone_approves_nothing(world: &World) {
    let words = ["request", "web-1", "shell", "--reason", "mine"];
    assert_eq!(world.json("rosa", &words, 3)["code"], "no_approver");
}

fn joining_the_group_after_asking_makes_nobody_an_approver(world: &World) {
    approvers_are(world, &["pia"]);
    let id = ask(world, "mine as well");
    approvers_are(world, &["pia", "rosa"]);
    world.json("olaf", &["approve", &id], 0);
    let own = world.json("rosa", &["approve", &id], 3);
    assert_eq!(own["code"], "own_request", "{own}");
    let request = world.json("olaf", &["requests", "show", &id], 0);
    assert_eq!(request["waits_for"], serde_json::json!(["pia"]));
    // Who is in the group and not the requester approves.
    world.json("pia", &["approve", &id], 0);
    world.json("rosa", &["release", &id], 0);
}

fn a_machine_of_the_requesters_approves_nothing_for_them(world: &World) {
    let words = [
        "identities",
        "add",
        "builder",
        "--kind",
        "ci",
        "--owner",
        "rosa",
        "--for",
        "30d",
    ];
    world.signed("iris", &words);
    let opened = world.json("iris", &["identities", "enroll", "builder"], 0);
    world.enroll("builder", &text(&opened["token"]), None, &[]);
    world.login(&["builder"]);
    approvers_are(world, &["builder"]);
    let words = ["request", "web-1", "shell", "--reason", "built"];
    assert_eq!(world.json("rosa", &words, 3)["code"], "no_approver");
    approvers_are(world, &["builder", "pia"]);
    let id = ask(world, "built again");
    world.json("olaf", &["approve", &id], 0);
    // Whoever may not decide on it does not even see it.
    let refused = world.json("builder", &["approve", &id], 1);
    assert_eq!(refused["code"], "not_found", "{refused}");
}

#[test]
fn an_approver_sees_what_a_role_can_do_and_not_what_the_requester_calls_it() {
    let world = World::start();
    world.login(&["rosa", "olaf"]);
    whoever_says_no_is_named_with_their_reason(&world);
    let id = world.asked(&["analytics", "read", "--reason", "nothing at all, really"]);
    let seen = world.json("olaf", &["requests", "show", &id], 0);
    let listed = seen["terms"]["effective"]["listed"].to_string();
    assert!(
        listed.contains("SELECT") && listed.contains("orders"),
        "{listed}"
    );
    // What the role can do changes between asking and approving: what was seen is not what would be given.
    world.database_admin("CREATE TABLE notes (id int); GRANT SELECT ON notes TO analytics_read");
    let refused = world.json("olaf", &["approve", &id], 1);
    assert_eq!(refused["code"], "conflict", "{refused}");
    assert!(text(&refused["detail"]).contains("something else now"));
    // What would no longer be granted at all is void.
    world.database_admin("GRANT DELETE ON orders TO analytics_read");
    let refused = world.json("olaf", &["approve", &id], 1);
    assert_eq!(refused["code"], "conflict", "{refused}");
    let seen = world.json("olaf", &["requests", "show", &id], 0);
    assert_eq!(seen["status"], "voided", "{seen}");
}

/// To the requester, and in words.
fn whoever_says_no_is_named_with_their_reason(world: &World) {
    let words = ["analytics", "read", "--reason", "curious"];
    let told = |words: &[&str]| said(&world.run(&[&["--as", "rosa"], words].concat(), ""));
    let denied = world.asked(&words);
    world.json("olaf", &["deny", &denied, "--reason", "use the replica"], 0);
    let seen = told(&["requests", "show", &denied]);
    assert!(
        seen.contains("denied     by olaf: \"use the replica\""),
        "{seen}"
    );
    let revoked = world.granted(&words, &["olaf"]);
    world.json("olaf", &["revoke", &revoked, "--reason", "not today"], 0);
    let seen = told(&["grants", "show", &revoked]);
    assert!(
        seen.contains("ended      revoked by olaf: \"not today\""),
        "{seen}"
    );
    let change = world.json(
        "iris",
        &["groups", "add", "readers", "--path", "ordinary"],
        4,
    );
    let change = text(&change["id"]);
    world.json("olaf", &["deny", &change, "--reason", "misspelt"], 0);
    let seen = told(&["changes", "show", &change]);
    assert!(seen.contains("refused    by olaf: \"misspelt\""), "{seen}");
}
