//! Passing a step: it is written down where the test reads, and what was ordered for it happens.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};

use super::orders::{Fate, Orders};

/// Names the folder in which a test gives its orders (`orders`) and reads what was passed (`trace`).
const FOLDER: &str = "PORTCULLIS_FAILPOINTS";

/// The fail points of this process.
#[derive(Debug)]
pub struct Failpoints {
    folder: PathBuf,
    orders: Mutex<Orders>,
}

/// A call that is not made.
#[derive(Debug)]
pub struct Failed(pub String);

impl Failpoints {
    /// Those asked for by the environment, if they are.
    pub fn asked_for() -> Option<&'static Self> {
        static POINTS: OnceLock<Option<Failpoints>> = OnceLock::new();
        let points = POINTS.get_or_init(|| {
            Some(Failpoints {
                folder: std::env::var_os(FOLDER)?.into(),
                orders: Mutex::default(),
            })
        });
        points.as_ref()
    }

    /// Before a call.
    pub async fn before(&self, call: &str) -> Result<(), Failed> {
        if let Some(time) = self.step("before", call)? {
            tokio::time::sleep(time).await;
        }
        Ok(())
    }

    /// The same where nothing can be awaited.
    pub fn before_blocking(&self, call: &str) -> Result<(), Failed> {
        if let Some(time) = self.step("before", call)? {
            std::thread::sleep(time);
        }
        Ok(())
    }

    /// After a call that did what was asked.
    pub fn after(&self, call: &str) {
        // Nothing but an end can be ordered here.
        drop(self.step("after", call));
    }

    /// Before a call that changes nothing: it may be late or fail, and is no step of its own.
    pub async fn reading(&self, call: &str) -> Result<(), Failed> {
        if let Some(time) = self.fate(&format!("before {call}"))? {
            tokio::time::sleep(time).await;
        }
        Ok(())
    }

    fn step(&self, when: &str, call: &str) -> Result<Option<Duration>, Failed> {
        let step = format!("{when} {call}");
        let trace = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.join("trace"));
        // A test that cannot read it will say so.
        drop(trace.and_then(|mut trace| trace.write_all(format!("{step}\n").as_bytes())));
        self.fate(&step)
    }

    /// How long to wait, if it is not the end.
    fn fate(&self, step: &str) -> Result<Option<Duration>, Failed> {
        let text = fs::read_to_string(self.folder.join("orders")).unwrap_or_default();
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.renew(&text);
        let fate = orders.pass(step);
        drop(orders);
        match fate {
            None => Ok(None),
            Some(Fate::Stall(time)) => Ok(Some(time)),
            Some(Fate::Fail) => Err(Failed(format!("a test lets it fail {step}"))),
            Some(Fate::Die) => loop {
                // Nothing runs after it: no destructor, no answer to anybody.
                let _ = kill_process(getpid(), Signal::KILL);
            },
        }
    }
}
