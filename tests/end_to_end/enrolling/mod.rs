//! A host is brought in with `enroll`, used, and left exactly as it was.

mod host;
mod interrupted;

use std::process::Output;

use serde_json::Value;

use crate::world::{World, said, text};
use host::Host;

/// The resource that it becomes.
const NAME: &str = "old-host";

/// `enroll` as olaf.
fn words<'a>(host: &'a [String], more: &[&'a str]) -> Vec<&'a str> {
    let mut words = vec!["enroll", "root@127.0.0.1", "--name", NAME];
    words.extend(more);
    words.push("--");
    words.extend(host.iter().map(String::as_str));
    words
}

fn begin() -> Option<(World, Host)> {
    let host = Host::start()?;
    let world = World::start();
    world.login(&["rosa", "olaf", "iris", "pia"]);
    Some((world, host))
}

fn doors(told: &Value) -> Vec<Value> {
    told["doors"].as_array().unwrap().clone()
}

#[test]
fn a_host_is_brought_in_used_and_left_exactly_as_it_was() {
    let Some((world, host)) = begin() else { return };
    let options = host.ssh_options();
    let before = host.everything();

    let preview = world.json("olaf", &words(&options, &[]), 0);
    host.is_as(&before, "a preview changes nothing");
    assert_eq!(preview["applied"], false);
    let steps = preview["steps"].as_array().unwrap();
    assert!(
        steps
            .iter()
            .any(|step| text(step).contains("add the account ops")),
        "{preview}"
    );

    // Another host than the one that has the name.
    let mut other = words(&options, &[]);
    other[3] = "web-1";
    let other = world.json("olaf", &other, 1);
    assert!(
        text(&other["detail"]).contains("none of the keys of web-1"),
        "{other}"
    );

    // As if the line had dropped when everything was written, and sshd not told.
    let authority = text(&world.json("olaf", &["ledger", "key"], 0)["ssh_authority"]);
    interrupted::written_and_not_told(&host, &authority);
    let apply = ["--apply", "--environment", "staging"];
    let once = world.json("olaf", &words(&options, &apply), 4);
    host.serves();
    // Done again before anybody signed, it is not proposed again.
    let signed = world.signed("olaf", &words(&options, &apply));
    assert_eq!(signed["id"], once["change"]["id"]);
    host.serves();
    it_is_used(&world);
    its_side_doors_are_decided(&world, &host, &options);

    world.json("olaf", &words(&options, &["--undo"]), 0);
    host.serves();
    host.is_as(&before, "undone");
    let refused = as_root(&world);
    assert!(!refused.status.success(), "{}", said(&refused));
    let again = world.json("olaf", &words(&options, &["--undo"]), 1);
    assert!(
        text(&again["detail"]).contains("nothing was done"),
        "{again}"
    );
}

/// What rosa may run there as often as she likes.
fn as_root(world: &World) -> Output {
    let login = format!("root@{NAME}");
    world
        .client("ssh", &["-l", &login, "web-1", "id -un"])
        .output()
        .unwrap()
}

/// A session as root, and a task as the account that was made.
fn it_is_used(world: &World) {
    let ask = [
        NAME, "exec", "--reason", "x", "--for", "10m", "--uses", "any", "--", "id -un",
    ];
    world.granted(&ask, &["olaf", "pia"]);
    world.step_up_for(&format!("root@{NAME}"));
    let ran = as_root(world);
    assert!(
        ran.status.success() && said(&ran).contains("root"),
        "{}",
        said(&ran)
    );
    let task = [
        "tasks",
        "add",
        NAME,
        "who",
        "--account",
        "ops",
        "--",
        "/usr/bin/id",
    ];
    world.signed("olaf", &task);
    world.granted(&[NAME, "task", "who", "--reason", "x"], &["olaf"]);
    world.step_up_for(&format!("ops@{NAME}"));
    let login = format!("ops@{NAME}");
    let ran = world
        .client("ssh", &["-l", &login, "web-1", "who"])
        .output()
        .unwrap();
    assert!(said(&ran).contains("(ops)"), "{}", said(&ran));
}

fn its_side_doors_are_decided(world: &World, host: &Host, options: &[String]) {
    // The resource was not there yet when they were found first.
    let none = world.json("olaf", &["side-doors", "list", NAME], 0);
    assert!(doors(&none).is_empty(), "{none}");
    let seen = world.json("olaf", &words(options, &[]), 0);
    assert_eq!(
        seen["steps"],
        serde_json::json!([]),
        "nothing is left to do: {seen}"
    );
    let known = world.json("olaf", &["side-doors", "list", NAME], 0);
    let one = |kind: &str, what: &str| {
        let mut found = doors(&known)
            .into_iter()
            .filter(|door| door["kind"] == kind && text(&door["what"]).contains(what));
        let door = found
            .next()
            .unwrap_or_else(|| panic!("{kind} {what}: {known}"));
        text(&door["id"])
    };
    let ours = |door: &Value| door["kind"] == "ssh_authority";
    assert!(
        !doors(&known).iter().any(ours),
        "our own is no side door: {known}"
    );
    one("sudo", "deploy ALL=(root) NOPASSWD: /usr/bin/systemctl");
    one("postgres", "host all legacy 10.0.0.0/8 md5");
    let key = one("ssh_key", "SHA256:");
    for who in ["rosa", "pia"] {
        let keep = ["side-doors", "keep", NAME, &key, "--reason", "mine"];
        world.json(who, &keep, 3);
    }
    world.json("rosa", &["side-doors", "list", NAME], 3);
    let keep = [
        "side-doors",
        "keep",
        NAME,
        &key,
        "--reason",
        "console of last resort",
    ];
    let kept = world.json("olaf", &keep, 0);
    let door = doors(&kept)
        .into_iter()
        .find(|door| door["id"] == key.as_str());
    assert_eq!(door.unwrap()["decided"], true, "{kept}");

    // One is closed at the host, another is opened there: the next look finds both.
    std::fs::write(host.path("etc/sudoers.d/deploy"), "# closed\n").unwrap();
    std::fs::write(
        host.path("etc/sudoers.d/other"),
        "mallory ALL=(ALL) NOPASSWD: ALL\n",
    )
    .unwrap();
    world.json("olaf", &words(options, &[]), 0);
    let now = world.json("pia", &["side-doors", "list", NAME], 0);
    // What other tests run on this machine comes and goes among them.
    let mallory = doors(&now)
        .into_iter()
        .find(|door| door["whom"] == "mallory");
    assert_eq!(mallory.unwrap()["decided"], false, "{now}");
    let whom: Vec<_> = doors(&now).iter().map(|door| text(&door["whom"])).collect();
    assert!(whom.contains(&"mallory".to_owned()) && !whom.contains(&"deploy".to_owned()));
    // As it was before.
    std::fs::remove_file(host.path("etc/sudoers.d/other")).unwrap();
    std::fs::write(
        host.path("etc/sudoers.d/deploy"),
        "deploy ALL=(root) NOPASSWD: /usr/bin/systemctl\n",
    )
    .unwrap();
}
