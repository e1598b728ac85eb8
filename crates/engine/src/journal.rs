//! Load, decide, append: the one way state is read and changed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use portcullis_flow::change::Change;
use portcullis_flow::grant::Grant;
use portcullis_flow::identity::IdentityState;
use portcullis_flow::installation::Installation;
use portcullis_flow::machine::step;
use portcullis_flow::records::{GroupState, HostState, ResourceState, TaskState};
use portcullis_flow::request::Request;
use portcullis_flow::secret::SecretState;
use portcullis_flow::session::Session;
use portcullis_flow::{Machine, Meta};
use portcullis_model::event::{ENVELOPE_VERSION, Event, Payload};
use portcullis_model::id::TypedId;
use portcullis_model::{Body, Claim, IdentityId, StreamId, TenantId, Timestamp};
use portcullis_ports::clock::random;
use portcullis_ports::store::{Query, SealedRow};
use portcullis_ports::{Append, AppendError, Clock, Entropy, Record, Row, Store};

use crate::custody::Custody;
use crate::failure::Failure;
use crate::repeats;

/// How often a use case is tried because somebody else wrote to its records meanwhile.
const ATTEMPTS: usize = 20;

/// The longest text that is kept beside a leaf for others to read: lists show many at once.
pub const MOST_TEXT_BYTES: usize = 4 * 1024;

/// Runs a use case that loads, decides and commits, and runs it anew when somebody else came in between. For what nobody
/// stands behind to try again: duties, ends, what a gate reports.
pub(crate) async fn patiently<T, F>(mut run: impl FnMut() -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    for _ in 1..ATTEMPTS {
        match run().await {
            Err(Failure::Raced) => {}
            outcome => return outcome,
        }
    }
    run().await
}

/// Reads streams and starts commands.
#[derive(Clone)]
pub(crate) struct Journal {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) tenant: TenantId,
    /// Hears when something could not be written.
    pub(crate) custody: Arc<Custody>,
}

/// A stretch of the streams of a noun.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    /// Those after this one.
    pub(crate) after: Option<String>,
    /// At most this many.
    pub(crate) limit: usize,
    /// From the youngest to the oldest.
    pub(crate) newest_first: bool,
}

/// A stream as it was read.
#[derive(Debug, Clone)]
pub(crate) struct Loaded<M> {
    pub(crate) stream: StreamId,
    pub(crate) version: u64,
    pub(crate) state: Option<M>,
    /// The command that moved it on, and whether that was committed.
    moved_by: Option<Arc<AtomicBool>>,
}

impl<M: Machine> Loaded<M> {
    /// A stream that has no events yet.
    pub(crate) fn fresh(stream: impl Into<StreamId>) -> Self {
        Self::at(stream.into(), 0, None)
    }

    const fn at(stream: StreamId, version: u64, state: Option<M>) -> Self {
        Self {
            stream,
            version,
            state,
            moved_by: None,
        }
    }

    /// The state, or that there is none.
    pub(crate) fn get(&self) -> Result<&M, Failure> {
        self.state
            .as_ref()
            .ok_or_else(|| Failure::missing(M::NOUN, &self.stream))
    }
}

impl Journal {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A fresh identifier.
    pub(crate) fn fresh_id<T: TypedId>(&self) -> T {
        T::from_parts(self.clock.now(), random(self.entropy.as_ref()))
    }

    /// A text to be kept beside a leaf.
    pub(crate) fn body(&self, field: &str, text: &str) -> Body {
        Body::new(field, random(self.entropy.as_ref()), text)
    }

    /// A stream's state, from its row.
    pub(crate) async fn load<M: Machine>(
        &self,
        stream: impl Into<StreamId>,
    ) -> Result<Loaded<M>, Failure> {
        let stream = stream.into();
        let row = self.store.row(M::NOUN, stream.as_str()).await?;
        let Some(row) = row else {
            return Ok(Loaded::fresh(stream));
        };
        let state = state_of(&row)?;
        Ok(Loaded::at(stream, row.version, Some(state)))
    }

    /// Adds the one event that follows from a stream's present state.
    pub(crate) async fn amend<M: Machine>(
        &self,
        stream: impl Into<StreamId>,
        actor: Option<IdentityId>,
        decide: impl Fn(&M, Timestamp) -> Result<M::Event, Failure>,
    ) -> Result<(), Failure> {
        let stream = stream.into();
        patiently(|| self.try_amend(&stream, actor, &decide)).await
    }

    async fn try_amend<M: Machine>(
        &self,
        stream: &StreamId,
        actor: Option<IdentityId>,
        decide: &impl Fn(&M, Timestamp) -> Result<M::Event, Failure>,
    ) -> Result<(), Failure> {
        let mut loaded = self.load::<M>(stream.clone()).await?;
        let mut command = self.command(actor);
        let event = decide(loaded.get()?, command.at())?;
        command.push(&mut loaded, &event)?;
        command.commit().await
    }

    /// All streams of a noun with these keys, in the order of their identifiers.
    pub(crate) async fn find<M: Machine>(
        &self,
        keys: &[(&str, &str)],
    ) -> Result<Vec<(StreamId, M)>, Failure> {
        let query = keys
            .iter()
            .fold(Query::table(M::NOUN), |query, (key, value)| {
                query.with(*key, *value)
            });
        let rows = self.store.rows(query).await?;
        rows.iter()
            .map(|row| Ok((stream_of(row)?, state_of(row)?)))
            .collect()
    }

    /// Some streams of a noun, in the order asked for.
    pub(crate) async fn span<M: Machine>(
        &self,
        span: &Span,
    ) -> Result<Vec<(StreamId, M)>, Failure> {
        let query = Query {
            after: span.after.clone(),
            limit: span.limit,
            newest_first: span.newest_first,
            ..Query::table(M::NOUN)
        };
        let rows = self.store.rows(query).await?;
        rows.iter()
            .map(|row| Ok((stream_of(row)?, state_of(row)?)))
            .collect()
    }

    /// The one stream of a noun with this key.
    pub(crate) async fn find_one<M: Machine>(
        &self,
        key: &str,
        value: &str,
    ) -> Result<Option<Loaded<M>>, Failure> {
        let rows = self
            .store
            .rows(Query::table(M::NOUN).with(key, value))
            .await?;
        rows.first()
            .map(|row| {
                let state = state_of(row)?;
                Ok(Loaded::at(stream_of(row)?, row.version, Some(state)))
            })
            .transpose()
    }

    /// Starts a command.
    pub(crate) fn command(&self, actor: Option<IdentityId>) -> Command<'_> {
        Command {
            journal: self,
            actor,
            at: self.clock.now(),
            appends: Vec::new(),
            claims: repeats::claims(actor),
            committed: Arc::default(),
        }
    }
}

fn state_of<M: Machine>(row: &Row) -> Result<M, Failure> {
    serde_json::from_slice(&row.state).map_err(|error| {
        Failure::Damaged(format!(
            "the row of {} cannot be read ({error}): rebuild the read models",
            row.id
        ))
    })
}

fn stream_of(row: &Row) -> Result<StreamId, Failure> {
    serde_json::from_value(serde_json::Value::String(row.id.clone()))
        .map_err(|error| Failure::Damaged(error.to_string()))
}

fn row_of<M: Machine>(
    stream: &StreamId,
    version: u64,
    state: &M,
) -> Result<Row, serde_json::Error> {
    Ok(Row {
        table: M::NOUN.to_owned(),
        id: stream.to_string(),
        version,
        keys: state.keys(),
        state: serde_json::to_vec(state)?,
    })
}

/// Everything one use case changes: written together or not at all.
pub(crate) struct Command<'a> {
    journal: &'a Journal,
    actor: Option<IdentityId>,
    at: Timestamp,
    appends: Vec<Append>,
    claims: Vec<Claim>,
    committed: Arc<AtomicBool>,
}

impl Command<'_> {
    /// When it is decided.
    pub(crate) const fn at(&self) -> Timestamp {
        self.at
    }

    /// Who causes it; nobody when the server does by itself.
    pub(crate) const fn actor(&self) -> Option<IdentityId> {
        self.actor
    }

    /// Adds an event to a stream and moves the loaded state on.
    pub(crate) fn push<M: Machine>(
        &mut self,
        loaded: &mut Loaded<M>,
        payload: &M::Event,
    ) -> Result<(), Failure> {
        self.push_with(loaded, payload, Vec::new())
    }

    /// The same, with texts kept beside the leaf.
    pub(crate) fn push_with<M: Machine>(
        &mut self,
        loaded: &mut Loaded<M>,
        payload: &M::Event,
        bodies: Vec<Body>,
    ) -> Result<(), Failure> {
        self.goes_on_from(loaded)?;
        self.refuse_long(&bodies)?;
        let event = self.envelope(loaded, payload, &bodies)?;
        let leaf = event.to_leaf()?;
        // As the leaf has it, so that a row made anew from leaves is the same.
        let written = M::Event::from_event(&Event::from_leaf(&leaf)?)?;
        let state =
            M::apply(loaded.state.take(), &written, &Meta::of(&event)).ok_or_else(|| {
                Failure::Conflict(format!(
                    "{} cannot follow on the state of {}",
                    event.kind, loaded.stream
                ))
            })?;
        let row = row_of(&loaded.stream, event.seq, &state)
            .map_err(|error| Failure::Damaged(error.to_string()))?;
        let before = loaded.version;
        loaded.version = event.seq;
        loaded.state = Some(state);
        loaded.moved_by = Some(Arc::clone(&self.committed));
        let record = Record {
            leaf,
            event,
            bodies,
        };
        let append = self.append_to(&loaded.stream, before);
        append.records.push(record);
        append.row = Some(row);
        Ok(())
    }

    /// Refuses a text that is longer than anybody reads. What the server itself has to record is recorded.
    fn refuse_long(&self, bodies: &[Body]) -> Result<(), Failure> {
        let mut long = bodies
            .iter()
            .filter(|body| body.text.len() > MOST_TEXT_BYTES);
        match long.next().filter(|_| self.actor.is_some()) {
            Some(body) => Err(Failure::Invalid(format!(
                "the {} has {} bytes, and at most {MOST_TEXT_BYTES} are recorded: say it in fewer words",
                body.field,
                body.text.len()
            ))),
            None => Ok(()),
        }
    }

    /// Keeps a sealed secret together with the events of a stream already pushed to.
    pub(crate) fn seal(&mut self, stream: &StreamId, row: SealedRow) {
        if let Some(append) = self
            .appends
            .iter_mut()
            .find(|append| append.stream == *stream)
        {
            append.sealed.push(row);
        }
    }

    /// Writes it all, durable on return.
    pub(crate) async fn commit(self) -> Result<(), Failure> {
        let written = self.journal.store.append(self.appends).await;
        if let Err(AppendError::Store(error)) = &written {
            self.journal.custody.failed(error);
        }
        written?;
        self.committed.store(true, Ordering::Release);
        repeats::committed(self.actor);
        Ok(())
    }

    /// Refuses to build on what another command pushed and did not commit: the version might be right by chance,
    /// since somebody else wrote meanwhile, and the state is not.
    fn goes_on_from<M>(&self, loaded: &Loaded<M>) -> Result<(), Failure> {
        match &loaded.moved_by {
            Some(by) if !Arc::ptr_eq(by, &self.committed) && !by.load(Ordering::Acquire) => {
                Err(Failure::Raced)
            }
            _ => Ok(()),
        }
    }

    fn envelope<M: Machine>(
        &mut self,
        loaded: &Loaded<M>,
        payload: &M::Event,
        bodies: &[Body],
    ) -> Result<Event, Failure> {
        let mut claims = M::claims(payload, &loaded.stream);
        claims.append(&mut self.claims);
        Ok(Event {
            v: ENVELOPE_VERSION,
            tenant: self.journal.tenant,
            stream: loaded.stream.clone(),
            seq: loaded.version + 1,
            kind: payload.kind().to_owned(),
            kind_v: payload.version(),
            at: self.at,
            actor: self.actor,
            claims,
            bodies: bodies.iter().map(Body::commit).collect(),
            data: payload.to_data()?,
        })
    }

    fn append_to(&mut self, stream: &StreamId, expected: u64) -> &mut Append {
        let known = self
            .appends
            .iter()
            .position(|append| append.stream == *stream);
        let index = known.unwrap_or_else(|| {
            self.appends.push(Append {
                stream: stream.clone(),
                expected,
                records: Vec::new(),
                row: None,
                sealed: Vec::new(),
            });
            self.appends.len() - 1
        });
        #[expect(
            clippy::indexing_slicing,
            reason = "the index was found or made one line above"
        )]
        &mut self.appends[index]
    }
}

/// Folds an event into a row: what rebuilds the read models from the events alone.
pub fn project(row: Option<&Row>, event: &Event) -> Result<Option<Row>, String> {
    let folded = match event.noun() {
        Request::NOUN => fold_row::<Request>(row, event),
        Grant::NOUN => fold_row::<Grant>(row, event),
        Session::NOUN => fold_row::<Session>(row, event),
        Change::NOUN => fold_row::<Change>(row, event),
        IdentityState::NOUN => fold_row::<IdentityState>(row, event),
        Installation::NOUN => fold_row::<Installation>(row, event),
        ResourceState::NOUN => fold_row::<ResourceState>(row, event),
        GroupState::NOUN => fold_row::<GroupState>(row, event),
        TaskState::NOUN => fold_row::<TaskState>(row, event),
        HostState::NOUN => fold_row::<HostState>(row, event),
        SecretState::NOUN => fold_row::<SecretState>(row, event),
        noun => Err(format!(
            "no machine folds events of {noun}: use a newer program"
        )),
    };
    folded.map(Some)
}

fn fold_row<M: Machine>(row: Option<&Row>, event: &Event) -> Result<Row, String> {
    let state = row
        .map(state_of::<M>)
        .transpose()
        .map_err(|error| error.to_string())?;
    let state = step(state, event).map_err(|error| error.to_string())?;
    row_of(&event.stream, event.seq, &state).map_err(|error| error.to_string())
}
