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

/// How long a call waits, and whether it asks again then.
#[derive(Debug, Clone, Copy)]
struct Pause {
    time: Duration,
    once: bool,
}

/// How a call that is held looks whether it still is.
const LOOK: Pause = Pause {
    time: Duration::from_millis(20),
    once: false,
};

/// A call that is not made.
#[derive(Debug)]
pub struct Failed(pub String);

impl Failpoints {
    /// Those asked for by the environment, if they are.
    #[expect(
        clippy::disallowed_methods,
        reason = "no setting of the program, and absent from what is shipped"
    )]
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
        self.tell("before", call);
        self.reading(call).await
    }

    /// The same where nothing can be awaited.
    #[expect(
        clippy::disallowed_methods,
        reason = "ports that may block are called on threads where they may"
    )]
    pub fn before_blocking(&self, call: &str) -> Result<(), Failed> {
        self.tell("before", call);
        while let Some(pause) = self.fate("before", call)? {
            std::thread::sleep(pause.time);
            if pause.once {
                break;
            }
        }
        Ok(())
    }

    /// After a call that did what was asked.
    pub fn after(&self, call: &str) {
        self.tell("after", call);
        // Nothing but an end can be ordered here.
        drop(self.fate("after", call));
    }

    /// Before a call that changes nothing: it may be late or fail, and is no step of its own.
    pub async fn reading(&self, call: &str) -> Result<(), Failed> {
        while let Some(pause) = self.fate("before", call)? {
            tokio::time::sleep(pause.time).await;
            if pause.once {
                break;
            }
        }
        Ok(())
    }

    fn tell(&self, when: &str, call: &str) {
        let step = format!("{when} {call}");
        let trace = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.join("trace"));
        // A test that cannot read it will say so.
        drop(trace.and_then(|mut trace| trace.write_all(format!("{step}\n").as_bytes())));
    }

    /// How long to wait, if it is not the end.
    fn fate(&self, when: &str, call: &str) -> Result<Option<Pause>, Failed> {
        let step = format!("{when} {call}");
        let text = fs::read_to_string(self.folder.join("orders")).unwrap_or_default();
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.renew(&text);
        let fate = orders.pass(&step);
        drop(orders);
        match fate {
            None => Ok(None),
            Some(Fate::Stall(time)) => Ok(Some(Pause { time, once: true })),
            Some(Fate::Hold) => Ok(Some(LOOK)),
            Some(Fate::Fail) => Err(Failed(format!("a test lets it fail {step}"))),
            Some(Fate::Die) => loop {
                // Nothing runs after it: no destructor, no answer to anybody.
                let _ = kill_process(getpid(), Signal::KILL);
            },
        }
    }
}
