//! Servers and targets that die, at every step where what is durable and what is outside may disagree.
//!
//! The steps are not listed here: a first run passes them all and tells which, then one after the other is where
//! the server dies. One that is added is drilled without a change.

mod disk;
mod disks;
mod drill;
mod host;
mod stories;
mod targets;

use drill::{Drill, Passage};
use stories::{Lending, Rotating, Story, Visiting};

/// Tells a story once for every step in it, to die there.
fn drilled<S: Story>() {
    let Some((mut drill, passages)) = learnt::<S>() else {
        return;
    };
    let passages = passages.into_iter().filter(Passage::is_drilled);
    for (number, passage) in passages.enumerate() {
        let mut story: S = dead_at(&drill, number + 1, &passage);
        drill.restart();
        story.settles(&drill);
    }
    drill.holds_together();
}

/// The same where something outside is touched, and what is outside dies as well.
fn drilled_with_targets<S: Story>() {
    let Some((mut drill, passages)) = learnt::<S>() else {
        return;
    };
    let passages = passages.into_iter().filter(Passage::is_outside);
    for (number, passage) in passages.enumerate() {
        let mut story: S = dead_at(&drill, number + 1, &passage);
        drill.targets_crash();
        drill.restart();
        story.waits(&drill);
        drill.targets_return();
        story.settles(&drill);
    }
    drill.holds_together();
}

/// A world, and the steps of a story in it.
fn learnt<S: Story>() -> Option<(Drill, Vec<Passage>)> {
    let drill = Drill::new()?;
    drill.step_up();
    drill.passed();
    let mut story = S::begin(0);
    assert!(story.run(&drill).is_some(), "the server died unasked");
    let passages = drill.passed();
    story.settles(&drill);
    Some((drill, passages))
}

/// Tells a story until the server dies in it.
fn dead_at<S: Story>(drill: &Drill, number: usize, passage: &Passage) -> S {
    println!("{} ({})", passage.step, passage.number);
    drill.order(&passage.order());
    let mut story = S::begin(number);
    let _ = story.run(drill);
    let died = drill.dies();
    // How often the ledger is written, for instance, is a matter of timing.
    assert!(died || passage.number > 1, "{passage:?} came only once");
    story
}

#[test]
fn a_server_killed_anywhere_in_lending_a_role_neither_loses_it_nor_leaves_it() {
    drilled::<Lending>();
}

#[test]
fn a_server_killed_anywhere_in_a_session_runs_nothing_twice_and_leaves_nothing_running() {
    drilled::<Visiting>();
}

#[test]
fn a_server_killed_anywhere_in_a_rotation_keeps_the_one_key_that_opens() {
    drilled::<Rotating>();
}

#[test]
fn server_and_database_killed_at_once_agree_again_about_what_is_lent() {
    drilled_with_targets::<Lending>();
}

#[test]
fn server_and_host_killed_at_once_agree_again_about_sessions() {
    drilled_with_targets::<Visiting>();
}

#[test]
fn server_and_host_killed_at_once_agree_again_about_the_key() {
    drilled_with_targets::<Rotating>();
}
