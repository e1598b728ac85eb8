//! Servers and targets that die, at every step where what is durable and what is outside may disagree.
//!
//! The steps are not listed here: a first run passes them all and tells which, then one after the other is where
//! the server dies. One that is added is drilled without a change.

#![allow(clippy::print_stdout, reason = "tests: where a server died")]

mod disk;
mod disks;
mod drill;
mod host;
mod stories;
mod targets;

use std::collections::BTreeSet;

pub use drill::Drill;
use drill::Passage;
pub use host::ACCOUNT;
use stories::{Lending, Rotating, Running, Staying, Story};

/// Tells a story once for every step in it that no story before it had, to die there; and once more where
/// something outside is touched, and what is outside dies as well.
fn drilled<S: Story>(drill: &mut Drill, known: &mut BTreeSet<String>) {
    let mut number = 0;
    let passages = learnt::<S>(drill);
    for passage in &passages {
        if passage.is_drilled() && !known.contains(&passage.step) {
            number += 1;
            let mut story: S = dead_at(drill, number, passage);
            drill.restart();
            story.settles(drill);
        }
        if passage.is_outside() && !known.contains(&passage.step) {
            number += 1;
            let mut story: S = dead_at(drill, number, passage);
            drill.targets_crash();
            drill.restart();
            story.waits(drill);
            drill.targets_return();
            story.settles(drill);
        }
        println!("{} ({}): {number}", passage.step, passage.number);
    }
    known.extend(passages.into_iter().map(|passage| passage.step));
}

/// The steps of a story, told without a death.
fn learnt<S: Story>(drill: &Drill) -> Vec<Passage> {
    drill.step_up();
    drill.passed();
    let mut story = S::begin(0);
    assert!(story.run(drill).is_some(), "the server died unasked");
    let passages = drill.passed();
    story.settles(drill);
    passages
}

/// Tells a story until the server dies in it.
fn dead_at<S: Story>(drill: &Drill, number: usize, passage: &Passage) -> S {
    drill.step_up();
    drill.order(&passage.order());
    let mut story = S::begin(number);
    let _ = story.run(drill);
    if passage.is_certain() {
        drill.is_dead();
    } else {
        drill.dies();
    }
    story
}

/// Dies with a live session, and once more at every step in which that is put in order.
fn a_server_killed_while_it_recovers_recovers(drill: &mut Drill) {
    let live = Passage::first("after commit session.kill_ordered");
    let mut story: Staying = dead_at(drill, 1000, &live);
    drill.passed();
    drill.restart();
    let steps = drill.passed();
    assert!(!steps.is_empty(), "nothing was put in order");
    story.settles(drill);
    for (number, step) in steps.iter().filter(|step| step.is_drilled()).enumerate() {
        let mut story: Staying = dead_at(drill, 1001 + number, &live);
        drill.order(&step.order());
        // Before it listens or after: what it does first is not waited for.
        drill.restarts();
        drill.dies();
        drill.restart();
        story.settles(drill);
    }
}

#[test]
fn a_server_killed_anywhere_in_lending_a_role_neither_loses_it_nor_leaves_it() {
    let Some(mut drill) = Drill::new() else {
        return;
    };
    drilled::<Lending>(&mut drill, &mut BTreeSet::new());
    drill.holds_together();
}

#[test]
fn a_server_killed_anywhere_in_a_session_runs_nothing_twice_and_leaves_nothing_running() {
    let Some(mut drill) = Drill::new() else {
        return;
    };
    let mut known = BTreeSet::new();
    drilled::<Running>(&mut drill, &mut known);
    drilled::<Staying>(&mut drill, &mut known);
    a_server_killed_while_it_recovers_recovers(&mut drill);
    drill.holds_together();
}

#[test]
fn a_server_killed_anywhere_in_a_rotation_keeps_the_one_key_that_opens() {
    let Some(mut drill) = Drill::new() else {
        return;
    };
    drilled::<Rotating>(&mut drill, &mut BTreeSet::new());
    drill.holds_together();
}
