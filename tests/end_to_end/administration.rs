//! What owners administer, and what everybody else is told of it, by the command line.

use crate::bad_input::ends;
use crate::installation::bare;
use crate::world::{World, said, text};

#[test]
fn owners_administer_by_the_command_line_and_others_are_told_what_they_need() {
    let Some(world) = World::with_hosts() else {
        return;
    };
    world.login(&["rosa", "olaf", "iris", "pia"]);
    who_is_no_owner_is_told_how_to_ask_and_not_where_things_are(&world);
    what_an_approver_says_is_shown(&world);
    a_check_says_which_bundle_it_was(&world);
    who_was_suspended_comes_back_by_two_signatures(&world);
}

fn who_is_no_owner_is_told_how_to_ask_and_not_where_things_are(world: &World) {
    for (name, inner) in [("web-1", "address"), ("analytics", "port")] {
        let show = ["resources", "show", name];
        let olaf = world.json("olaf", &show, 0);
        assert!(olaf["settings"].get(inner).is_some(), "{olaf}");
        let rosa = world.json("rosa", &show, 0);
        for field in ["settings", "credential", "instructions"] {
            assert!(rosa.get(field).is_none(), "{rosa}");
        }
        assert!(!rosa["offers"].as_array().unwrap().is_empty(), "{rosa}");
    }
    let account = world.account();
    let config = text(&world.json("rosa", &["ssh-config"], 0)["ssh_config"]);
    assert!(
        config.contains(&format!("User {account}@web-1")),
        "{config}"
    );
    let edit = [
        "--as",
        "rosa",
        "resources",
        "edit",
        "web-1",
        "--sensitivity",
        "secret",
    ];
    let output = world.run(&edit, "");
    ends(
        &output,
        "an edit of rosa's",
        1,
        &["may not see where web-1 is", "one of its owners"],
    );
    let ssh = ["--as", "rosa", "ssh", "web-1", "--gateway", "gate:ssh"];
    ends(&world.run(&ssh, ""), "no port", 2, &["HOST:PORT"]);
}

fn what_an_approver_says_is_shown(world: &World) {
    let id = world.asked(&["analytics", "read", "--reason", "figures"]);
    world.json("olaf", &["approve", &id, "--reason", "until Friday"], 0);
    let shown = world.run(&["--as", "rosa", "requests", "show", &id], "");
    assert!(
        said(&shown).contains(r#"by olaf: "until Friday""#),
        "{}",
        said(&shown)
    );
    world.json("rosa", &["release", &id], 0);
}

fn a_check_says_which_bundle_it_was(world: &World) {
    let active = world.json("rosa", &["policy", "check"], 0);
    let which = text(&active["checked"]);
    assert!(
        which.starts_with("the active bundle of https://"),
        "{which}"
    );
    let nobody = bare(&["policy", "check"], b"");
    ends(
        &nobody,
        "nobody's check",
        0,
        &["the shipped bundle", "is valid"],
    );
}

fn who_was_suspended_comes_back_by_two_signatures(world: &World) {
    let nothing = world.run(&["--as", "iris", "identities", "edit", "rosa"], "");
    ends(&nothing, "an edit of nothing", 2, &["--activate"]);
    world.json("iris", &["identities", "remove", "rosa"], 0);
    world.json("rosa", &["whoami"], 1);
    let words = [
        "--as",
        "iris",
        "identities",
        "edit",
        "rosa",
        "--activate",
        "--for",
        "30d",
    ];
    let output = world.run(&words, "");
    let told = [
        "activate identity rosa",
        "active: false -> true",
        "ends_at: (nothing) -> 20",
    ];
    ends(&output, "an edit", 4, &told);
    world.signed("iris", &["identities", "edit", "rosa", "--activate"]);
    world.json("rosa", &["whoami"], 1);
    world.login(&["rosa"]);
    assert_eq!(world.json("rosa", &["whoami"], 0)["name"], "rosa");
}
