//! Evidence from which whole events were taken: whatever is taken is noticed, by whoever holds the file alone.

use std::collections::BTreeSet;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis_flow::story::Story;
use portcullis_model::Event;

use crate::client::until;
use crate::installation::bare;
use crate::world::{World, said};

/// An evidence file, taken to pieces.
struct Pieces {
    head: String,
    leaves: Vec<String>,
    end: String,
}

impl Pieces {
    fn of(text: &str) -> Self {
        let (head, rest) = text.split_once("\n\nleaf ").unwrap();
        let (leaves, end) = rest.rsplit_once("\n\nportcullis/").unwrap();
        Self {
            head: head.to_owned(),
            leaves: leaves.split("\n\nleaf ").map(str::to_owned).collect(),
            end: end.to_owned(),
        }
    }

    /// The file without some of its leaves, with a list that says so.
    fn without(&self, dropped: &BTreeSet<usize>) -> String {
        let kept = (0..self.leaves.len()).filter(|place| !dropped.contains(place));
        let kept: Vec<&String> = kept.map(|place| &self.leaves[place]).collect();
        let indexes = kept.iter().map(|leaf| leaf.lines().next().unwrap());
        let list = indexes.fold("leaves".to_owned(), |list, index| format!("{list} {index}"));
        let mut head: Vec<&str> = self.head.lines().collect();
        head[2] = &list;
        let kept = kept.iter().map(|leaf| format!("\n\nleaf {leaf}"));
        let kept = kept.collect::<String>();
        format!("{}{kept}\n\nportcullis/{}", head.join("\n"), self.end)
    }

    fn events(&self) -> Vec<Event> {
        let data = self.leaves.iter().map(|leaf| {
            let line = leaf.lines().nth(1).unwrap();
            STANDARD
                .decode(line.strip_prefix("data ").unwrap())
                .unwrap()
        });
        data.map(|leaf| Event::from_leaf(&leaf).unwrap()).collect()
    }
}

/// Each leaf, each two, each end of a stream and each stream.
fn drops(events: &[Event]) -> BTreeSet<BTreeSet<usize>> {
    let mut drops = BTreeSet::new();
    for one in 0..events.len() {
        for other in one..events.len() {
            drops.insert(BTreeSet::from([one, other]));
        }
        let end = (one..events.len()).filter(|place| events[*place].stream == events[one].stream);
        drops.insert(end.collect());
    }
    drops
}

/// A story that is over: its evidence, and that nothing of it can be taken away unnoticed.
fn nothing_can_be_dropped(world: &World, id: &str) {
    let file = world.folder().join(format!("{id}.evidence"));
    let path = file.to_str().unwrap();
    let key = world.variable("LEDGER_KEY");
    let verify = ["ledger", "verify", path, "--key", key];
    until("the story is over", || {
        world.json("rosa", &["ledger", "prove", id, "--out", path], 0);
        bare(&verify, b"").status.code() == Some(0)
    });
    let pieces = Pieces::of(&std::fs::read_to_string(&file).unwrap());
    assert_eq!(pieces.without(&BTreeSet::new()), whole(&file));
    let events = pieces.events();
    assert!(events.len() >= 7, "{events:?}");
    // Records only give names to a story: which of them belong to it, the log alone says.
    let record = |place: &usize| matches!(events[*place].noun(), "identity" | "resource");
    for dropped in drops(&events) {
        if dropped.iter().all(record) {
            continue;
        }
        let left = (0..events.len()).filter(|place| !dropped.contains(place));
        let left: Vec<Event> = left.map(|place| events[place].clone()).collect();
        // Even if the log itself had listed no more than that.
        let over = Story::read(&left).is_ok_and(|story| story.unfinished.is_empty());
        assert!(!over, "without {dropped:?} of {events:?}");
    }
    let singly = (0..events.len()).map(|place| BTreeSet::from([place]));
    for dropped in singly {
        std::fs::write(&file, pieces.without(&dropped)).unwrap();
        let output = bare(&verify, b"");
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        let told = said(&output);
        assert!(told.contains("entries dropped or added"), "{told}");
    }
}

fn whole(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap()
}

#[test]
fn whatever_is_dropped_from_the_evidence_of_either_path_is_noticed() {
    let Some(world) = World::with_hosts() else {
        return;
    };
    world.login(&["rosa", "olaf", "pia"]);
    let ordinary = world.granted(&["analytics", "read", "--reason", "figures"], &["olaf"]);
    let words = ["web-1", "exec", "--reason", "look", "--", "true"];
    let privileged = world.granted(&words, &["olaf", "pia"]);
    let ran = world.client("ssh", &["web-1", "true"]).output().unwrap();
    assert!(ran.status.success(), "{}", said(&ran));
    until("the role can be given back", || {
        world.json("rosa", &["grants", "show", &ordinary], 0)["status"] == "active"
    });
    world.json("rosa", &["release", &ordinary], 0);
    nothing_can_be_dropped(&world, &ordinary);
    nothing_can_be_dropped(&world, &privileged);
    let changes = world.json("olaf", &["changes", "list"], 0);
    let signed = changes[0]["id"].as_str().unwrap();
    let file = world.folder().join("change.evidence");
    let path = file.to_str().unwrap();
    world.json("olaf", &["ledger", "prove", signed, "--out", path], 0);
    let key = world.variable("LEDGER_KEY");
    let output = bare(&["ledger", "verify", path, "--key", key], b"");
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn evidence_of_a_story_without_an_end_says_so_and_is_no_whole_one() {
    let world = World::start();
    world.login(&["rosa", "olaf"]);
    let id = world.asked(&["analytics", "read", "--reason", "figures"]);
    let file = world.folder().join("story.evidence");
    let path = file.to_str().unwrap();
    let key = world.variable("LEDGER_KEY");
    let verify = ["ledger", "verify", path, "--key", key];
    let told = |says: &str| {
        world.json("rosa", &["ledger", "prove", &id, "--out", path], 0);
        let output = bare(&verify, b"");
        assert_eq!(output.status.code(), Some(4), "{}", said(&output));
        assert!(said(&output).contains(says), "{}", said(&output));
    };
    told(&format!("{id} waits for an answer"));
    world.json("olaf", &["approve", &id], 0);
    until("the role is given", || {
        world.json("rosa", &["grants", "show", &id], 0)["status"] == "active"
    });
    told("is active");
}
