//! Running programs: to their end, or while a test goes on and waits for what they print.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up on it.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// A running program, its input open. Dropping it ends it.
pub struct Client {
    child: Child,
    stdin: Option<ChildStdin>,
    printed: Arc<(Mutex<String>, Condvar)>,
    readers: Vec<std::thread::JoinHandle<()>>,
}

impl Client {
    /// Starts it.
    pub fn start(mut command: Command) -> Self {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the client starts");
        let printed = Arc::default();
        let readers = vec![
            keep(child.stdout.take().expect("a pipe"), &printed),
            keep(child.stderr.take().expect("a pipe"), &printed),
        ];
        Self {
            stdin: child.stdin.take(),
            child,
            printed,
            readers,
        }
    }

    /// Types a line.
    pub fn type_line(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("its input is open");
        // A client that is gone says so by what it printed.
        let _ = stdin.write_all(format!("{line}\n").as_bytes());
        let _ = stdin.flush();
    }

    /// Waits until it has printed a text; returns everything so far.
    pub fn wait_for(&self, text: &str) -> String {
        let (printed, changed) = &*self.printed;
        let printed = printed.lock().unwrap();
        let (found, waited) = changed
            .wait_timeout_while(printed, PATIENCE, |printed| !printed.contains(text))
            .unwrap();
        assert!(!waited.timed_out(), "waited for {text:?} in vain: {found}");
        found.clone()
    }

    /// Waits until it has printed a text, or ended; whether it has printed it.
    pub fn shows_or_ends(&mut self, text: &str) -> bool {
        until("the client says something", || {
            self.shows(text) || self.child.try_wait().is_ok_and(|status| status.is_some())
        });
        self.shows(text)
    }

    /// Whether it has printed a text.
    pub fn shows(&self, text: &str) -> bool {
        self.printed.0.lock().unwrap().contains(text)
    }

    /// Closes its input and waits for its end: exit code and everything it printed.
    pub fn end(mut self) -> (Option<i32>, String) {
        drop(self.stdin.take());
        self.ended()
    }

    /// Waits for its end with its input open.
    pub fn ended(&mut self) -> (Option<i32>, String) {
        let mut status = None;
        until("the client ends", || {
            status = self.child.try_wait().expect("it can be waited for");
            status.is_some()
        });
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        let text = self.printed.0.lock().unwrap().clone();
        (status.and_then(|status| status.code()), text)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command with something on its standard input.
pub fn feed(mut command: Command, input: &[u8]) -> Output {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    // A program that ends without reading says why by itself.
    let _ = stdin.write_all(input);
    drop(stdin);
    child.wait_with_output().expect("the program ends")
}

fn keep(
    mut from: impl Read + Send + 'static,
    printed: &Arc<(Mutex<String>, Condvar)>,
) -> std::thread::JoinHandle<()> {
    let printed = Arc::clone(printed);
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
            printed.0.lock().unwrap().push_str(&text);
            printed.1.notify_all();
        }
    })
}

/// Waits until something holds.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Whether a process is there (and has not merely not been reaped). The first of its threads may be gone before the
/// others, which hold its files and locks until they are.
pub fn runs(process: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let Some((_, state)) = status.rsplit_once(") ") else {
        return false;
    };
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).map_or(0, Iterator::count);
    !state.starts_with('Z') || threads > 1
}
