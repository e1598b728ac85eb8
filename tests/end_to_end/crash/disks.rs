//! Disks that are full, broken, slow or gone under a live session: no evidence, no action.

use std::os::unix::fs::FileExt;
use std::path::Path;

use portcullis_ports::Reserve;
use portcullis_store::FileReserve;
use rusqlite::Connection;

use super::disk::Disk;
use super::drill::Drill;
use super::stories::{Asked, cleared, granted, is_word, over};
use crate::client::{Client, until};
use crate::installation::bare;
use crate::world::{said, text};

/// What is said where something begins that could leave no evidence.
const REFUSED: &str = "could not be recorded";

/// A shell in which something goes on and prints, and its grant.
fn busy(drill: &Drill) -> (Client, String) {
    let words = ["host", "shell", "--reason", "work"];
    let id = granted(drill, &words, &["olaf", "pia"], &mut Asked::default()).unwrap();
    (visit(drill), id)
}

/// A visit of somebody to whom it was granted.
fn visit(drill: &Drill) -> Client {
    let mut shell = Client::start(drill.world.client("ssh", &["-tt", "host"]));
    shell.type_line("sh -c 'echo up-$((40+2)); while :; do echo; sleep 0.2; done' drill");
    shell.wait_for("up-42");
    shell
}

/// The session is over at both sides, and its client was told why.
fn is_cut(drill: &Drill, mut client: Client) {
    let (code, printed) = client.ended();
    assert_eq!(code, Some(255), "{printed}");
    // Its own tape failed, or another one did and everybody was told.
    let why = printed.split("session ended: ").nth(1).unwrap_or_default();
    assert!(why.contains("recorded"), "{printed}");
    until("the program at the target is gone", || {
        drill.host.running("drill").is_empty()
    });
}

/// Whoever comes now is refused, and says why.
fn is_refused(drill: &Drill) {
    let refused = drill
        .world
        .client("ssh", &["host", "-tt"])
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(3), "{}", said(&refused));
    assert!(said(&refused).contains(REFUSED), "{}", said(&refused));
}

/// It goes on by itself: the same grant opens another session, and all there is holds together.
fn goes_on(drill: &Drill, id: &str) {
    until("sessions open again", || {
        let mut client = drill.world.client("ssh", &["-tt", "host"]);
        client.stdin(std::process::Stdio::piped());
        let mut client = Client::start(client);
        client.type_line("echo again-$((40+2)); sleep 1000");
        until("it is let in or refused", || {
            client.shows("again-42") || client.shows(REFUSED)
        });
        client.shows("again-42")
    });
    assert_eq!(is_word(drill, "grants", id, "active"), Some(true));
    over(drill);
    cleared(drill);
}

#[test]
fn a_full_disk_ends_a_live_session_which_is_recorded_in_the_reserves_room() {
    let drill = Drill::on(|place| Some(Some(Disk::small(place, 200)?)));
    let Some(drill) = drill else { return };
    drill.step_up();
    let (client, id) = busy(&drill);
    drill.disk.as_ref().unwrap().fill();
    is_cut(&drill, client);
    over(&drill);
    is_refused(&drill);
    drill.disk.as_ref().unwrap().make_room();
    goes_on(&drill, &id);
    drill.holds_together();
}

#[test]
fn a_disk_that_cannot_be_written_any_more_ends_a_live_session_and_loses_nothing() {
    let drill = Drill::on(|place| Some(Some(Disk::in_a_file(place, 300)?)));
    let Some(mut drill) = drill else { return };
    drill.step_up();
    let (client, id) = busy(&drill);
    drill.disk.as_ref().unwrap().fail();
    is_cut(&drill, client);
    is_refused(&drill);
    // There is nowhere to record it: what was said before can still be read, and nothing new is said.
    let words = ["--json", "--as", "olaf", "revoke", &id, "--reason", "over"];
    let refused = drill.world.run(&words, "");
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    assert_eq!(is_word(&drill, "grants", &id, "active"), Some(true));
    drill.dies();
    drill.disk.as_ref().unwrap().repair();
    drill.restart();
    over(&drill);
    goes_on(&drill, &id);
    drill.holds_together();
}

#[test]
fn a_store_that_is_slow_gone_or_damaged_is_survived_or_refused() {
    let Some(mut drill) = Drill::new() else {
        return;
    };
    drill.step_up();
    a_disk_that_stalls_ends_a_live_session_or_keeps_it_waiting_as_long_as_is_allowed(&drill);
    while_the_store_is_gone_nothing_begins_and_what_lives_ends_and_then_it_goes_on(&drill);
    a_page_of_the_store_that_is_damaged_is_found_and_nothing_is_made_up_in_its_place(&mut drill);
    drill.holds_together();
}

fn a_disk_that_stalls_ends_a_live_session_or_keeps_it_waiting_as_long_as_is_allowed(drill: &Drill) {
    let (mut client, id) = busy(drill);
    // A moment is waited for: nothing is shown that is not safe, and nothing is lost.
    drill.order("stall 1000 write tapes");
    client.type_line("");
    drill.passed();
    until("two segments were late", || drill.passed().len() > 1);
    drill.order("");
    let sessions = drill.world.json("olaf", &["sessions", "list"], 0);
    assert_eq!(text(&sessions[0]["status"]), "live");
    // Of the store nothing is asked while a session goes on; whoever asks meanwhile waits and gets it.
    drill.order("stall 5000 commit request.submitted");
    let words = ["request", "database", "read", "--reason", "late"];
    let late = text(&drill.world.json("rosa", &words, 4)["id"]);
    drill.order("");
    drill.world.json("rosa", &["requests", "show", &late], 0);
    let sessions = drill.world.json("olaf", &["sessions", "list"], 0);
    assert_eq!(text(&sessions[0]["status"]), "live");
    // Five seconds are more than a session may go on without evidence.
    drill.order("stall 5000 write tapes");
    is_cut(drill, client);
    drill.order("");
    over(drill);
    goes_on(drill, &id);
}

fn while_the_store_is_gone_nothing_begins_and_what_lives_ends_and_then_it_goes_on(drill: &Drill) {
    let (client, id) = busy(drill);
    drill.order("fail commit\nfail read the store");
    for words in [
        &["request", "database", "read", "--reason", "figures"][..],
        &["revoke", &id, "--reason", "over"],
        &["grants", "list"],
    ] {
        let all = [&["--json", "--as", "olaf"], words].concat();
        let output = drill.world.run(&all, "");
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    }
    // Whoever writes finds out; then everybody is told.
    drill.order("fail commit");
    let words = ["--as", "rosa", "request", "database", "read"];
    let output = drill
        .world
        .run(&[&words[..], &["--reason", "x"]].concat(), "");
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    is_cut(drill, client);
    is_refused(drill);
    drill.order("");
    over(drill);
    goes_on(drill, &id);
}

fn a_page_of_the_store_that_is_damaged_is_found_and_nothing_is_made_up_in_its_place(
    drill: &mut Drill,
) {
    let words = ["database", "read", "--reason", "figures"];
    let id = granted(drill, &words, &["olaf"], &mut Asked::default()).unwrap();
    cleared(drill);
    let whole = drill.world.json("olaf", &["grants", "list"], 0);
    drill.world.signal("-TERM");
    until("the server ends", || !drill.world.serves());
    let data = drill.world.folder().join("data");
    let store = data.join("store.db");
    without_free_pages(&store);
    let bytes = std::fs::read(&store).unwrap();
    let pages = bytes.len() / PAGE;
    let mut served = 0;
    for page in (1..pages).step_by(pages / 8) {
        let file = std::fs::File::options().write(true).open(&store).unwrap();
        let at = u64::try_from(page * PAGE).unwrap();
        file.write_all_at(&[0xA5; PAGE], at).unwrap();
        let doctor = bare(&["--data", data.to_str().unwrap(), "doctor"], b"");
        assert_eq!(
            doctor.status.code(),
            Some(1),
            "page {page}: {}",
            said(&doctor)
        );
        if drill.restarts() {
            served += 1;
            // What can be read is what was written, or it is said that it cannot.
            let words = ["--json", "--as", "olaf", "grants", "list"];
            let output = drill.world.run(&words, "");
            match output.status.code() {
                Some(0) => {
                    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
                    assert_eq!(shown, whole, "page {page}");
                }
                code => {
                    assert_eq!(code, Some(1), "page {page}: {}", said(&output));
                    assert!(!said(&output).contains("panicked"), "{}", said(&output));
                }
            }
        }
        drill.dies();
        for left in ["store.db-wal", "store.db-shm"] {
            let _ = std::fs::remove_file(data.join(left));
        }
        std::fs::write(&store, &bytes).unwrap();
    }
    println!("{served} of the damaged stores were served");
    assert_eq!(is_word_after_restart(drill, &id), "revoked");
}

/// Nobody can tell of a page that nothing lies on whether it is damaged; how many there are is a matter of timing.
fn without_free_pages(store: &Path) {
    let connection = Connection::open(store).unwrap();
    connection.execute_batch("VACUUM").unwrap();
    connection.close().unwrap();
}

/// SQLite's pages, as the store has them.
const PAGE: usize = 4096;

fn is_word_after_restart(drill: &mut Drill, id: &str) -> String {
    drill.restart();
    text(&drill.world.json("olaf", &["grants", "show", id], 0)["status"])
}

#[test]
fn a_reserve_is_set_aside_only_where_a_quarter_of_it_is_free_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::small(folder.path(), 10) else {
        return;
    };
    let place = folder.path().join("reserve");
    let other = folder.path().join("other");
    // Nine would fit, but not with two more beside them.
    let reserve = FileReserve::new(&place, 9 << 20);
    assert!(reserve.set_aside().is_err());
    assert!(!place.exists(), "it is what fills the disk");
    let reserve = FileReserve::new(&place, 7 << 20);
    std::fs::write(&other, vec![0; 2 << 20]).unwrap();
    assert!(reserve.set_aside().is_err());
    assert!(!place.exists(), "it is what fills the disk");
    std::fs::remove_file(&other).unwrap();
    reserve.set_aside().unwrap();
    assert!(reserve.is_whole());
    // What is beside it stays free: it is not part of the reserve.
    std::fs::write(&other, vec![0; 2 << 20]).unwrap();
    drop(disk);
}
