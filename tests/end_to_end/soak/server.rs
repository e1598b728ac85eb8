//! What a server takes of its machine.

use std::fmt;

use crate::client::until;
use crate::world::World;

/// How many descriptors and tasks more than before are no leak: a connection that is kept a while, a read that is under way.
const SLACK: u64 = 12;

/// How many KiB of memory more than before are none: the store's cache fills to 32 MiB, and what an allocator keeps of threads'
/// arenas comes to as much. What lives grows no further with sessions.
const SLACK_KIB: u64 = 96 << 10;

/// What it takes at a moment.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    descriptors: u64,
    tasks: u64,
    kib: u64,
}

impl Usage {
    pub fn of(world: &World) -> Self {
        let server = world.server();
        let open = std::fs::read_dir(format!("/proc/{server}/fd")).unwrap();
        let status = std::fs::read_to_string(format!("/proc/{server}/status")).unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = resident.and_then(|line| line.split_whitespace().next());
        Self {
            descriptors: open.count().try_into().unwrap(),
            tasks: tasks(world),
            kib: kib.unwrap().parse().unwrap(),
        }
    }

    /// What it takes once it has nothing to do: no less a moment later.
    pub fn settled(world: &World) -> Self {
        let mut last = Self::of(world);
        until("it takes what it took", || {
            let now = Self::of(world);
            let settled = now.descriptors >= last.descriptors && now.tasks >= last.tasks;
            last = now;
            settled
        });
        last
    }

    /// Waits until it takes no more than it did.
    pub fn comes_back_to(world: &World, before: &Self, told: &str) {
        let mut now = Self::of(world);
        until(&format!("{now} is {before} again ({told})"), || {
            now = Self::of(world);
            now.descriptors <= before.descriptors + SLACK
                && now.tasks <= before.tasks + SLACK
                && now.kib <= before.kib + SLACK_KIB
        });
    }
}

/// How many tasks it says it has.
fn tasks(world: &World) -> u64 {
    let log = || std::fs::read_to_string(world.folder().join("log")).unwrap();
    let before = log().matches(ASKED).count();
    world.signal("-USR1");
    until("it tells how it is doing", || {
        log().matches(ASKED).count() > before
    });
    let log = log();
    let line = log.lines().rfind(|line| line.contains(ASKED)).unwrap();
    let plain = without_colours(line);
    let (_, told) = plain.split_once("tasks=").unwrap();
    let digits: String = told.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_else(|_| panic!("{line}"))
}

fn without_colours(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |plain, part| {
        plain + part.split_once('m').map_or("", |(_, rest)| rest)
    })
}

const ASKED: &str = "asked by SIGUSR1";

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            descriptors,
            tasks,
            kib,
        } = self;
        write!(f, "{descriptors} descriptors, {tasks} tasks, {kib} KiB")
    }
}
