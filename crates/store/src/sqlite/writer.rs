//! The one thread that writes: what is waiting becomes one commit, each command is answered singly.

use std::sync::Arc;
use std::thread::JoinHandle;

use portcullis_ports::store::Projector;
use portcullis_ports::{Append, AppendError, StoreError};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use tokio::sync::{mpsc, oneshot, watch};

use super::append::{self, Failure};
use super::revisions::{Revisions, Tables};
use super::{faults, read, rebuild};

/// Commands waiting before callers wait too.
const QUEUE: usize = 1024;
/// Commands in one commit, at most: what a caller waits for behind others is bounded.
const MOST_COMMANDS: usize = 512;

/// The writing thread, as callers see it.
pub struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    committed: watch::Receiver<u64>,
    revisions: Revisions,
    thread: Option<JoinHandle<()>>,
}

enum Job {
    Write(Write),
    Rebuild {
        projector: Arc<Projector>,
        answer: oneshot::Sender<Result<(), StoreError>>,
    },
}

/// What can share a commit with others.
struct Write {
    request: Request,
    answer: Answer,
}

enum Request {
    Append(Vec<Append>),
    Erase(Erased),
}

/// What is erased.
pub enum Erased {
    /// A text beside an event.
    Body {
        /// Which event's.
        position: u64,
        /// Which of its texts.
        field: String,
    },
    /// Every version of a sealed secret.
    Sealed(String),
}

/// Gets the position of a command's first event.
type Answer = oneshot::Sender<Result<u64, AppendError>>;

impl Writer {
    /// Starts the thread; it ends when the writer is dropped.
    pub fn start(connection: Connection) -> Result<Self, StoreError> {
        let count = read::count(&connection).map_err(|error| faults::fault(&error))?;
        let (jobs, waiting) = mpsc::channel(QUEUE);
        let (committed, watching) = watch::channel(count);
        let revisions = Revisions::default();
        let desk = Desk {
            connection,
            waiting,
            committed,
            revisions: revisions.clone(),
            log_holds_erased: false,
        };
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || desk.serve())
            .map_err(|cause| {
                StoreError::Unavailable(format!("the writing thread cannot start: {cause}"))
            })?;
        Ok(Self {
            jobs: Some(jobs),
            committed: watching,
            revisions,
            thread: Some(thread),
        })
    }

    /// How many events are committed.
    pub fn committed(&self) -> watch::Receiver<u64> {
        self.committed.clone()
    }

    /// How often the rows of a table changed.
    pub fn revision(&self, table: &str) -> Option<u64> {
        self.revisions.of(table)
    }

    /// Writes a command; returns when it is on the disk.
    pub async fn append(&self, command: Vec<Append>) -> Result<u64, AppendError> {
        self.write(Request::Append(command)).await
    }

    /// Erases something; returns when that is on the disk.
    pub async fn erase(&self, what: Erased) -> Result<(), StoreError> {
        let erased = self.write(Request::Erase(what)).await;
        match erased {
            Ok(_) => Ok(()),
            Err(AppendError::Store(error)) => Err(error),
            Err(refusal) => Err(StoreError::Unavailable(refusal.to_string())),
        }
    }

    /// Makes rows and claims anew.
    pub async fn rebuild(&self, projector: Arc<Projector>) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        self.send(Job::Rebuild { projector, answer }).await?;
        answered.await.unwrap_or_else(|_| Err(stopped()))
    }

    async fn write(&self, request: Request) -> Result<u64, AppendError> {
        let (answer, answered) = oneshot::channel();
        self.send(Job::Write(Write { request, answer })).await?;
        answered.await.unwrap_or_else(|_| Err(stopped().into()))
    }

    async fn send(&self, job: Job) -> Result<(), StoreError> {
        match &self.jobs {
            Some(jobs) => jobs.send(job).await.map_err(|_| stopped()),
            None => Err(stopped()),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed; there is nobody left to tell.
            drop(thread.join());
        }
    }
}

fn stopped() -> StoreError {
    StoreError::Unavailable("the writing thread has stopped; restart the server".to_owned())
}

/// The thread's own side.
struct Desk {
    connection: Connection,
    waiting: mpsc::Receiver<Job>,
    committed: watch::Sender<u64>,
    revisions: Revisions,
    /// Something was erased whose old bytes may still be in the write-ahead log.
    log_holds_erased: bool,
}

impl Desk {
    fn serve(mut self) {
        let mut next = self.waiting.blocking_recv();
        while let Some(job) = next {
            let left_over = match job {
                Job::Write(first) => self.commit(first),
                Job::Rebuild { projector, answer } => {
                    let changing = self.revisions.changing(Tables::All);
                    let rebuilt = rebuild::rebuild(&self.connection, projector.as_ref());
                    drop(changing);
                    // A caller that went away needs no answer, here and below.
                    drop(answer.send(rebuilt));
                    None
                }
            };
            next = left_over.or_else(|| self.waiting.blocking_recv());
        }
    }

    /// Commits a batch and answers it; gives back a job that cannot be part of one.
    fn commit(&mut self, first: Write) -> Option<Job> {
        let mut batch = Batch::default();
        let request = batch.admit(first);
        match self.write(request, &mut batch) {
            Ok(count) => {
                self.committed.send_if_modified(|known| {
                    let grown = *known != count;
                    *known = count;
                    grown
                });
                self.forget_erased(batch.erased);
                batch.confirm();
            }
            Err(error) => batch.fail(&error),
        }
        batch.left_over
    }

    /// Takes commands until none waits, so that those arriving meanwhile share the commit.
    fn write(&mut self, first: Request, batch: &mut Batch) -> rusqlite::Result<u64> {
        let transaction =
            Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate)?;
        let mut count = read::count(&transaction)?;
        let mut next = Some(first);
        while let Some(request) = next {
            count = batch.perform(&transaction, request, count)?;
            next = batch.take_from(&mut self.waiting);
        }
        let _changing = self.revisions.changing(std::mem::take(&mut batch.tables));
        transaction.commit()?;
        Ok(count)
    }

    /// Empties the write-ahead log, whose old pages still have the text. When readers hold it, the
    /// next commit tries again.
    fn forget_erased(&mut self, erased: bool) {
        self.log_holds_erased |= erased;
        if self.log_holds_erased {
            let busy = self
                .connection
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
            self.log_holds_erased = busy != Ok(0_i64);
        }
    }
}

/// The commands of one commit, with what each will be told if it succeeds.
#[derive(Default)]
struct Batch {
    answers: Vec<(Answer, Result<u64, AppendError>)>,
    erased: bool,
    /// Whose rows it changes.
    tables: Tables,
    left_over: Option<Job>,
}

impl Batch {
    /// Whoever asked will be answered, whatever goes wrong from here on.
    fn admit(&mut self, write: Write) -> Request {
        self.answers.push((write.answer, Err(stopped().into())));
        write.request
    }

    /// The next waiting command, while there is one and room for it.
    fn take_from(&mut self, waiting: &mut mpsc::Receiver<Job>) -> Option<Request> {
        if self.answers.len() >= MOST_COMMANDS {
            return None;
        }
        match waiting.try_recv().ok()? {
            Job::Write(write) => Some(self.admit(write)),
            rebuild @ Job::Rebuild { .. } => {
                self.left_over = Some(rebuild);
                None
            }
        }
    }

    /// Does what was admitted last; gives the number of events there are then.
    fn perform(
        &mut self,
        connection: &Connection,
        request: Request,
        count: u64,
    ) -> rusqlite::Result<u64> {
        let (outcome, after) = match request {
            Request::Append(command) => match append::write(connection, &command, count) {
                Ok(after) => {
                    self.tables.add(&command);
                    (Ok(count), after)
                }
                Err(Failure::Refused(refusal)) => (Err(refusal), count),
                Err(Failure::Broken(error)) => return Err(error),
            },
            Request::Erase(what) => {
                self.erased |= erase(connection, what)?;
                (Ok(count), count)
            }
        };
        if let Some((_, told)) = self.answers.last_mut() {
            *told = outcome;
        }
        Ok(after)
    }

    fn confirm(&mut self) {
        for (answer, outcome) in self.answers.drain(..) {
            drop(answer.send(outcome));
        }
    }

    fn fail(&mut self, error: &rusqlite::Error) {
        for (answer, _) in self.answers.drain(..) {
            let text = format!("nothing of the command was written: {error}");
            drop(answer.send(Err(StoreError::Unavailable(text).into())));
        }
    }
}

/// Says whether there was such a thing.
fn erase(connection: &Connection, what: Erased) -> rusqlite::Result<bool> {
    let erased = match what {
        Erased::Body { position, field } => {
            let Ok(position) = i64::try_from(position) else {
                return Ok(false);
            };
            connection
                .prepare_cached("DELETE FROM bodies WHERE position = ?1 AND field = ?2")?
                .execute(params![position, field])?
        }
        Erased::Sealed(id) => connection
            .prepare_cached("DELETE FROM sealed WHERE id = ?1")?
            .execute(params![id])?,
    };
    Ok(erased > 0)
}
