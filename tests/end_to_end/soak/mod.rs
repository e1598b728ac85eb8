//! Many clients with mixed work at once, while sessions are killed, policies change and secrets are rotated. Afterwards nothing
//! is left behind, and both sides tell the same.
//!
//! In the suite each client does a few pieces of work; `make soak` has them go on for an hour.

#![allow(clippy::print_stdout, reason = "tests: what an hour of it came to")]

mod clients;
mod disturbing;
mod server;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::client::until;
use crate::crash::Drill;

use clients::{Clients, Work};
use disturbing::Disturber;
use server::Usage;

/// How many clients work at the same time.
const CLIENTS: usize = 50;

/// How many pieces of work each of them does in the suite.
const PIECES: usize = 3;

/// How long they go on, where that is asked for.
#[expect(
    clippy::disallowed_methods,
    reason = "how long a test may take is no setting of the program"
)]
fn until_when() -> Option<Instant> {
    let minutes = std::env::var("SOAK_MINUTES").ok()?.parse().unwrap();
    Some(Instant::now() + Duration::from_mins(minutes))
}

#[test]
fn after_much_work_of_many_nothing_is_left_behind_and_both_sides_tell_the_same() {
    let Some(drill) = Drill::new() else {
        return;
    };
    let clients = Clients::new(&drill);
    let mut disturber = Disturber::new(&drill);
    // Whatever is made once, is made by then.
    together(&drill, &clients, &mut disturber, 1, None);
    let before = Usage::settled(&drill.world);
    together(&drill, &clients, &mut disturber, PIECES, until_when());
    let told = format!("{clients}, {disturber}");
    Usage::comes_back_to(&drill.world, &before, &told);
    println!("{told}; before {before}, after {}", Usage::of(&drill.world));
    let sessions = drill.world.json("pia", &["sessions", "list"], 0);
    both_sides_agree(&clients, sessions.as_array().unwrap());
    drill.holds_together();
}

/// All clients do so many pieces of work, or go on until then, and are disturbed meanwhile.
fn together(
    drill: &Drill,
    clients: &Clients,
    disturber: &mut Disturber<'_>,
    pieces: usize,
    end: Option<Instant>,
) {
    std::thread::scope(|scope| {
        let working: Vec<_> = (0..CLIENTS)
            .map(|number| scope.spawn(move || clients.work(number, pieces, end)))
            .collect();
        while working.iter().any(|client| !client.is_finished()) {
            disturber.disturb();
        }
        for client in working {
            client.join().expect("a client says what it met");
        }
    });
    until("no session lives", || {
        let sessions = drill.world.json("olaf", &["sessions", "list"], 0);
        let mut sessions = sessions.as_array().unwrap().iter();
        sessions.all(|session| session["status"] == "ended")
    });
}

/// What clients were told, what the record says, and what ran at the target.
fn both_sides_agree(clients: &Clients, sessions: &[Value]) {
    for work in Work::ALL {
        let of = |session: &&Value| clients.is_of(work, session);
        let recorded: Vec<_> = sessions.iter().filter(of).collect();
        let whole = |session: &&&Value| {
            session["ending"]["completed"] == true && session["ending"]["exit"] == 0
        };
        let completed = recorded.iter().filter(whole).count();
        let told = clients.done(work).load(Ordering::SeqCst);
        assert_eq!(completed, told, "{work:?}: recorded, and told to clients");
        if let Some(ran) = clients.ran(work) {
            assert!(
                (completed..=recorded.len()).contains(&ran),
                "{work:?}: {completed} of {} sessions completed, and {ran} ran",
                recorded.len()
            );
        }
        assert!(told > 0, "{work:?} was never done");
    }
}
