//! What is done at a host is killed before everything it does: it goes on from there, or back.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use portcullis_hosts::{ACT, Act, Ask, Known, LOOK, Plan, Record, Went, Wish};

use super::host::{Host, System};
use crate::world::said;

const CONFIG: &str = "/etc/ssh/sshd_config";

const WISH: Wish<'_> = Wish {
    authority: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3N7AAW6ybbUWC4JkkWp9d2Yj8cN5jNq6yqfTWvK2bq",
    account: "root",
    tasks: Some("ops"),
};

/// Programs by which something is changed. Each is killed with the shell that runs it.
const CHANGING: [&str; 8] = [
    "mkdir", "mv", "cp", "chmod", "sync", "useradd", "userdel", "rm",
];

fn look(host: &Host) -> Known {
    let mut known = Known::nothing(CONFIG);
    loop {
        let asks = known.asks();
        if asks.is_empty() {
            return known;
        }
        let told = host.script(LOOK, &Ask::input(CONFIG, &asks));
        let answers = Ask::answers(&asks, &told.stdout);
        let answers = answers.unwrap_or_else(|garbled| panic!("{garbled}: {}", said(&told)));
        known.take(asks, answers);
    }
}

fn act(host: &Host, acts: &[Act]) -> Went {
    let told = host.script(ACT, &Act::input(CONFIG, acts));
    Act::went(acts.len(), &told.stdout)
}

/// The plan; no sshd led here that could stand against it.
fn plan(known: &Known) -> Vec<Act> {
    plan_for(known, &WISH)
}

fn no_more_than_no_sshd(against: &[String]) {
    let more = against
        .iter()
        .filter(|why| !why.contains("go there by plain SSH"));
    assert_eq!(more.count(), 0, "{against:?}");
}

fn plan_for(known: &Known, wish: &Wish<'_>) -> Vec<Act> {
    let plan = Plan::of(known, wish);
    no_more_than_no_sshd(&plan.against);
    plan.acts
}

/// Leaves a host where everything is written and sshd was not told.
pub fn written_and_not_told(host: &Host, authority: &str) {
    let wish = Wish { authority, ..WISH };
    let mut acts = plan_for(&look(host), &wish);
    acts.retain(|act| !matches!(act, Act::Check | Act::Reload(_) | Act::Finish));
    assert_eq!(act(host, &acts), Went::Well);
}

/// The same shell, in which one program kills it the n-th time it is called, before it does anything: what is left then is
/// what the program called before it left.
fn killing(host: &Host, program: &str, at: usize) -> String {
    let counter = host.path("calls");
    let _ = std::fs::remove_file(&counter);
    let wrapper = host.path("wrapper");
    let real = ["/usr/bin", "/usr/sbin", "/bin"]
        .map(|folder| format!("{folder}/{program}"))
        .into_iter()
        .find(|path| Path::new(path).exists())
        .unwrap();
    let kept = host.path("real");
    std::fs::copy(&real, &kept).unwrap();
    let text = format!(
        "#!/bin/sh\necho >>{counter}\nn=$(/usr/bin/wc -l <{counter})\n\
         if [ $n -eq {at} ]; then kill -9 $PPID; exit 1; fi\nexec {kept} \"$@\"\n",
        counter = counter.display(),
        kept = kept.display(),
    );
    std::fs::write(&wrapper, text).unwrap();
    for path in [&wrapper, &kept] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    format!(
        "mount --bind {} {real} && exec sh -c '{ACT}'",
        wrapper.display()
    )
}

/// Runs steps in a shell that is killed; whether it came to that.
fn killed(host: &Host, acts: &[Act], program: &str, at: usize) -> bool {
    let script = killing(host, program, at);
    let told = host.script(&script, &Act::input(CONFIG, acts));
    matches!(Act::went(acts.len(), &told.stdout), Went::Silent { .. })
}

fn undo(host: &Host) {
    let known = look(host);
    let Some(record) = Record::of(&known).unwrap() else {
        return;
    };
    let way = record.undone(&known);
    no_more_than_no_sshd(&way.against);
    assert_eq!(act(host, &way.acts), Went::Well);
}

/// What is left beside a file that was being written is there until it is written again.
fn no_leftovers(host: &Host) {
    let left: Vec<_> = host
        .everything()
        .into_keys()
        .filter(|path| path.to_string_lossy().ends_with("portcullis-new"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn what_is_killed_while_a_host_is_brought_in_goes_on_or_back() {
    let Some(host) = Host::without_parts() else {
        return;
    };
    let before = host.everything();
    let acts = plan(&look(&host));
    assert_eq!(act(&host, &acts), Went::Well);
    let whole = host.everything();
    undo(&host);
    host.is_as(&before, "undone");

    let mut kills = 0;
    for program in CHANGING {
        for at in 1.. {
            if !killed(&host, &acts, program, at) {
                undo(&host);
                break;
            }
            kills += 1;
            if at % 2 == 0 {
                goes_on(&host, &whole, &acts);
            }
            undo(&host);
            no_leftovers(&host);
            host.is_as(&before, &format!("{program}, {at}"));
        }
    }
    assert!(kills > 16, "only {kills} kills");
}

/// What was begun is done to its end by what was kept, or from the beginning where nothing was.
fn goes_on(host: &Host, whole: &System, acts: &[Act]) {
    let known = look(host);
    let acts = match Record::of(&known).unwrap() {
        Some(record) if !record.is_empty() => record.again(&known),
        _ => acts.to_vec(),
    };
    assert_eq!(act(host, &acts), Went::Well);
    host.has_written(whole);
}

#[test]
fn what_is_killed_while_it_is_undone_is_undone_afterwards() {
    let Some(host) = Host::without_parts() else {
        return;
    };
    let before = host.everything();
    let acts = plan(&look(&host));
    let mut kills = 0;
    for program in CHANGING {
        for at in 1.. {
            assert_eq!(act(&host, &acts), Went::Well);
            let known = look(&host);
            let record = Record::of(&known).unwrap().unwrap();
            let way = record.undone(&known);
            let was_killed = killed(&host, &way.acts, program, at);
            undo(&host);
            no_leftovers(&host);
            host.is_as(&before, &format!("{program}, {at}"));
            if !was_killed {
                break;
            }
            kills += 1;
        }
    }
    assert!(kills > 8, "only {kills} kills");
}

#[test]
fn what_sshd_would_not_start_with_stops_before_it_is_told_and_is_undone() {
    let Some(host) = Host::start() else { return };
    let before = host.everything();
    let put = |path: &str, content: &str| Act::Put {
        number: 1,
        path: path.to_owned(),
        before: None,
        mode: 0o644,
        content: content.to_owned(),
        added: content.to_owned(),
    };
    let acts = [
        put("/etc/ssh/sshd_config.d/x.conf", "Bogus yes\n"),
        Act::Check,
        Act::Finish,
    ];
    let mut all = plan(&look(&host));
    all.truncate(1);
    all.extend(acts);
    let went = act(&host, &all);
    assert!(
        matches!(&went, Went::Stopped { at: 2, why } if why.contains("would not start")),
        "{went:?}"
    );
    std::fs::remove_file(host.path("etc/ssh/sshd_config.d/x.conf")).unwrap();
    undo(&host);
    host.is_as(&before, "undone");
}

#[test]
fn what_others_made_of_an_account_is_not_removed_with_it() {
    let Some(host) = Host::start() else { return };
    let before = host.everything();
    assert_eq!(act(&host, &plan(&look(&host))), Went::Well);
    for (change, back) in [
        (
            ["usermod", "-aG", "daemon", "ops"],
            ["usermod", "-G", "", "ops"],
        ),
        (
            ["usermod", "-aG", "ops", "daemon"],
            ["gpasswd", "-d", "daemon", "ops"],
        ),
        (
            ["usermod", "-p", "$6$x", "ops"],
            ["usermod", "-p", "*", "ops"],
        ),
    ] {
        let run = |words: [&str; 4]| {
            let ran = host.command(words[0], &words[1..]).output().unwrap();
            assert!(ran.status.success(), "{}", said(&ran));
        };
        run(change);
        let known = look(&host);
        let way = Record::of(&known).unwrap().unwrap().undone(&known);
        let went = act(&host, &way.acts);
        assert!(
            matches!(&went, Went::Stopped { why, .. } if why.contains("others")),
            "{went:?}"
        );
        run(back);
    }
    undo(&host);
    host.is_as(&before, "undone");
}

/// A program of somebody's that shows itself as what it is not, in a folder of theirs.
#[test]
fn what_users_of_a_host_have_programs_say_is_not_believed_nor_told() {
    let Some(host) = Host::start() else { return };
    let theirs = host.path("theirs");
    std::fs::create_dir(&theirs).unwrap();
    for name in ["postgres", "sshd"] {
        std::fs::copy("/bin/sleep", theirs.join(name)).unwrap();
    }
    let secret = host.path("secret");
    std::fs::write(&secret, "root:$6$salt$hash:19000:0:99999:7:::\n").unwrap();
    std::os::unix::fs::symlink(&secret, theirs.join("pg_hba.conf")).unwrap();
    let start = |name: &str, shown: &str| {
        let mut command = std::process::Command::new(theirs.join(name));
        std::os::unix::process::CommandExt::arg0(&mut command, shown);
        command.arg("1000").current_dir(&theirs).spawn().unwrap()
    };
    let forged = "x\nown 4242 /usr/sbin/sshd -f /tmp/evil/sshd_config";
    let mut running = [start("postgres", "postgres"), start("sshd", forged)];
    let known = look(&host);
    let doors = portcullis_hosts::side_doors(&known, WISH.authority);
    let told = format!("{doors:?}");
    assert!(told.contains("a line that is not known here"), "{told}");
    assert!(!told.contains("$6$"), "{told}");
    let against = Plan::of(&known, &WISH).against;
    assert!(!format!("{against:?}").contains("evil"), "{against:?}");
    for program in &mut running {
        program.kill().unwrap();
        program.wait().unwrap();
    }
}

#[test]
fn what_changed_since_it_was_looked_at_is_not_touched() {
    let Some(host) = Host::start() else { return };
    let acts = plan(&look(&host));
    let path = host.path("etc/ssh/portcullis_ca.pub");
    std::fs::write(&path, "somebody else's\n").unwrap();
    let before = std::fs::read(&path).unwrap();
    let went = act(&host, &acts);
    assert!(
        matches!(&went, Went::Stopped { why, .. } if why.contains("not what it was")),
        "{went:?}"
    );
    assert_eq!(std::fs::read(&path).unwrap(), before);
    std::fs::remove_file(&path).unwrap();
    // A folder in which others can put things in the way.
    let folder = host.path("etc/ssh/sshd_config.d");
    std::os::unix::fs::chown(&folder, Some(1), None).unwrap();
    let went = act(&host, &acts);
    assert!(
        matches!(&went, Went::Stopped { why, .. } if why.contains("others than root")),
        "{went:?}"
    );
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    std::os::unix::fs::chown(&folder, Some(0), None).unwrap();
    undo(&host);
}
