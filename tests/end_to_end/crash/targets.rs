//! Targets that die while the server lives.

use super::drill::Drill;
use super::stories::{Asked, MEMBERS, Rotating, Story, cleared, granted, held, is_word, over};
use crate::client::{Client, until};
use crate::world::text;

#[test]
fn nothing_is_said_of_a_target_that_died_before_it_could_be_asked() {
    let Some(mut drill) = Drill::new() else {
        return;
    };
    drill.step_up();
    a_database_that_is_away_keeps_a_grant_revoking(&mut drill);
    a_database_that_dies_before_it_is_given_anything_was_given_nothing(&mut drill);
    a_host_that_dies_ends_its_session_and_not_the_grant(&mut drill);
    a_host_that_is_away_is_rotated_when_it_is_back(&mut drill);
    a_revocation_that_is_overtaken_by_a_use_is_done_all_the_same(&drill);
    drill.holds_together();
}

fn a_database_that_is_away_keeps_a_grant_revoking(drill: &mut Drill) {
    let words = ["database", "read", "--reason", "figures"];
    let id = granted(drill, &words, &["olaf"], &mut Asked::default()).unwrap();
    let active = || is_word(drill, "grants", &id, "active");
    drill.wait("the role is assigned", active).unwrap();
    drill.database.crash();
    let words = ["revoke", &id, "--reason", "over"];
    drill.world.json("olaf", &words, 0);
    until("it was tried and left", || {
        let held = held(drill);
        assert_eq!(held.len(), 1, "it is said to be gone");
        held[0]["left"].is_string()
    });
    drill.database.start_again().unwrap();
    until("it is proved gone", || held(drill).is_empty());
    assert_eq!(drill.ask_database(MEMBERS), "0");
}

fn a_database_that_dies_before_it_is_given_anything_was_given_nothing(drill: &mut Drill) {
    drill.passed();
    drill.order("hold assign");
    let words = ["database", "read", "--reason", "figures"];
    let id = granted(drill, &words, &["olaf"], &mut Asked::default()).unwrap();
    drill.comes_to("before assign");
    drill.database.crash();
    drill.order("");
    until("it is known that it could not be", || {
        held(drill).iter().all(|grant| grant["left"].is_string())
    });
    drill.database.start_again().unwrap();
    let revoked = || is_word(drill, "grants", &id, "revoked");
    drill.wait("it is over and proved gone", revoked).unwrap();
    assert_eq!(drill.ask_database(MEMBERS), "0");
}

fn a_host_that_dies_ends_its_session_and_not_the_grant(drill: &mut Drill) {
    let words = ["host", "shell", "--reason", "work"];
    let id = granted(drill, &words, &["olaf", "pia"], &mut Asked::default()).unwrap();
    let mut shell = Client::start(drill.world.client("ssh", &["-tt", "host"]));
    shell.type_line("echo up-$((40+2))");
    shell.wait_for("up-42");
    drill.host.crash();
    let (code, printed) = shell.ended();
    assert_eq!(code, Some(255), "{printed}");
    over(drill);
    let sessions = drill.world.json("olaf", &["sessions", "list"], 0);
    let cause = text(&sessions[0]["ending"]["cause"]);
    assert!(cause.contains("target"), "{cause}");
    // Nobody finished anything: what was approved may go on once there is something to go on at.
    drill.host.start_again();
    let mut again = Client::start(drill.world.client("ssh", &["-tt", "host"]));
    again.type_line("echo again-$((40+2))");
    again.wait_for("again-42");
    drill
        .world
        .attempt("olaf", &["revoke", &id, "--reason", "over"]);
    cleared(drill);
}

fn a_revocation_that_is_overtaken_by_a_use_is_done_all_the_same(drill: &Drill) {
    let words = ["host", "shell", "--reason", "work"];
    let id = granted(drill, &words, &["olaf", "pia"], &mut Asked::default()).unwrap();
    drill.passed();
    drill.order("hold commit grant.ending");
    let words = ["--as", "olaf", "revoke", &id, "--reason", "over"];
    let mut revoke = Client::start(drill.world.command(&words));
    drill.comes_to("before commit grant.ending");
    let mut shell = Client::start(drill.world.client("ssh", &["-tt", "host"]));
    shell.type_line("echo up-$((40+2))");
    shell.wait_for("up-42");
    drill.order("");
    let (code, printed) = revoke.ended();
    assert_eq!(code, Some(0), "{printed}");
    assert_eq!(shell.ended().0, Some(255));
    over(drill);
    cleared(drill);
}

fn a_host_that_is_away_is_rotated_when_it_is_back(drill: &mut Drill) {
    drill.host.crash();
    let mut story = Rotating::begin(0);
    story.is_asked_for_in_vain(drill);
    story.waits(drill);
    drill.host.start_again();
    story.settles(drill);
}
