//! One channel: asks control, verifies the lease, connects to the target with the permit, and stands in
//! between until something ends it. Whatever ends it, the tape is finished and control hears of it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use portcullis_model::{Path, visible, visible_lines};
use portcullis_policy::{LeaseVerifier, SessionPermit};
use portcullis_ports::control::{
    CloseCause, Closing, Login, OpenWish, Opened, Refusal, SessionLease, TapeFailure,
    TargetCredential, Ticket,
};
use portcullis_ports::{Clock, Control};
use portcullis_tape::{Event, Exit, Notice, TrackKind};
use portcullis_wire::ssh::{Charged, FrontChannel, FrontInput, FrontOutput, Gone, Start, Target};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::channel::{Setup, Step, Tally, Wanted, words};
use super::limits::{
    CLOSE, FAREWELL, LOST_STATUS, OPENING, REFUSED_STATUS, TARGET, TARGET_PATIENCE,
};
use super::orders::{Orders, Registered};
use super::parting::{Ends, Reached};
use super::pump::{Movement, Pump, resized};
use super::recorder::Recorder;
use super::target::destination;

/// What all channels of a door share.
pub struct Shared {
    pub control: Arc<dyn Control>,
    pub clock: Arc<dyn Clock>,
    pub verifier: LeaseVerifier,
    pub orders: Orders,
}

/// Who is at the other end of a channel.
#[derive(Debug, Clone)]
pub struct Visitor {
    pub ticket: Ticket,
    pub login: Login,
    pub source: SocketAddr,
    pub connection: String,
}

/// What the connection's owner has to do about a channel's end.
#[derive(Debug, PartialEq, Eq)]
pub enum After {
    /// Nothing.
    Nothing,
    /// End the connection, unless it carries other sessions; with these words.
    EndIfAlone(String),
    /// End the connection at once: it takes nothing any more.
    Cut,
}

/// Serves one channel to its end.
pub async fn serve(shared: Arc<Shared>, visitor: Visitor, front: FrontChannel) -> After {
    let FrontChannel {
        mut inputs,
        gone,
        output,
    } = front;
    let wanted = match gather(&mut inputs, &visitor.login.account).await {
        Some(Ok(wanted)) => wanted,
        Some(Err(reason)) => return refuse(&output, &reason, None).await,
        None => return After::Nothing,
    };
    let opened = match open(&shared, &visitor, &wanted).await {
        Ok(opened) => opened,
        Err(Refusal { message, exit, .. }) => return refuse(&output, &message, exit).await,
    };
    let id = opened.session;
    let registered = shared.orders.register(id);
    let session = Session {
        shared: &shared,
        visitor: &visitor,
        inputs,
        gone,
        output,
        registered,
        wanted,
    };
    let (closing, after) = session.run(opened).await;
    shared.control.close(id, closing).await;
    after
}

/// What is to be run; nothing when the client went away before it said so.
async fn gather(
    inputs: &mut mpsc::Receiver<Charged<FrontInput>>,
    account: &str,
) -> Option<Result<Wanted, String>> {
    let mut setup = Setup::default();
    while let Some(Charged { item, .. }) = inputs.recv().await {
        match setup.take(item, account) {
            Step::More => {}
            Step::Start(wanted) => return Some(Ok(wanted)),
            Step::Refuse(reason) => return Some(Err(reason)),
        }
    }
    None
}

async fn open(shared: &Shared, visitor: &Visitor, wanted: &Wanted) -> Result<Opened, Refusal> {
    if shared.orders.is_quiet() {
        return Err(unanswered(
            "control does not answer, so nothing can be opened",
        ));
    }
    let wish = OpenWish {
        ticket: visitor.ticket.clone(),
        login: visitor.login.clone(),
        action: wanted.action.clone(),
        source: visitor.source,
        connection: visitor.connection.clone(),
        key: wanted.key.clone(),
    };
    match timeout(OPENING, shared.control.open(wish)).await {
        Ok(answer) => answer,
        Err(_) => Err(unanswered("control did not answer in time")),
    }
}

fn unanswered(what: &str) -> Refusal {
    Refusal {
        code: "unavailable".to_owned(),
        message: format!("{what}; try again later"),
        exit: None,
    }
}

/// The reason to standard error, then the status of refusals: every client shows both. What ran before ends as it ended.
async fn refuse(output: &FrontOutput, reason: &str, exit: Option<u32>) -> After {
    let status = exit.unwrap_or(REFUSED_STATUS);
    farewell(output, Some(&told(reason)), Some(status)).await
}

/// Our words in a terminal that may be raw. What others wrote of them cannot act on it.
pub fn told(text: &str) -> String {
    let lines: Vec<_> = visible_lines(text)
        .lines()
        .map(|line| format!("portcullis: {line}\r\n"))
        .collect();
    lines.concat()
}

/// Ends a channel: words and status as far as the client takes them, the close in any case.
async fn farewell(output: &FrontOutput, text: Option<&str>, status: Option<u32>) -> After {
    if let Some(text) = text {
        let line = output.error(Bytes::copy_from_slice(text.as_bytes()));
        let _ = timeout(FAREWELL, line).await;
    }
    let ending = async {
        if let Some(status) = status {
            output.exit_status(status).await?;
        }
        output.eof().await?;
        output.close().await
    };
    match timeout(CLOSE, ending).await {
        Ok(_) => After::Nothing,
        Err(_) => After::Cut,
    }
}

struct Session<'a> {
    shared: &'a Shared,
    visitor: &'a Visitor,
    inputs: mpsc::Receiver<Charged<FrontInput>>,
    gone: oneshot::Receiver<Infallible>,
    output: FrontOutput,
    registered: Registered,
    wanted: Wanted,
}

impl Session<'_> {
    /// Runs an opened session; always comes to a closing.
    async fn run(mut self, opened: Opened) -> (Closing, After) {
        let mut tally = Tally::default();
        let verified = self.verified(&opened);
        let task = verified
            .as_ref()
            .ok()
            .and_then(|(_, lease)| lease.task.clone());
        let withheld = task.map(|command| self.wanted.become_task(&command));
        let recorder = match self.record(&opened, withheld.as_deref()) {
            Ok(recorder) => recorder,
            Err(TapeFailure(detail)) => {
                let cause = CloseCause::EvidenceFailed { detail };
                let after = part(&self.output, &cause, &tally).await;
                return (tally.closing(cause), after);
            }
        };
        let mut reached = None;
        let cause = self
            .between(
                verified,
                &opened.notice,
                &recorder,
                &mut tally,
                &mut reached,
            )
            .await;
        let cause = tally.settle(cause);
        if cause == CloseCause::Completed {
            drop(reached);
            // The client learns of the end when its tape is safe.
            let cause = evidenced(finish(recorder, &cause, &tally).await, cause);
            let after = part(&self.output, &cause, &tally).await;
            return (tally.closing(cause), after);
        }
        let terminal = self.wanted.terminal.is_some();
        let here = async {
            if let Some(reached) = reached {
                reached.end(terminal, &mut tally).await;
            }
            finish(recorder, &cause, &tally).await
        };
        let (finished, after) = tokio::join!(here, told_why(&self.output, &cause));
        (tally.closing(evidenced(finished, cause)), after)
    }

    fn record(&self, opened: &Opened, withheld: Option<&str>) -> Result<Recorder, TapeFailure> {
        let kind = match self.wanted.terminal {
            Some(_) => TrackKind::Terminal,
            None => TrackKind::Exec,
        };
        let recorder = Recorder::start(
            Arc::clone(&self.shared.control),
            Arc::clone(&self.shared.clock),
            opened.session,
            &opened.tape,
            kind,
        )?;
        if let Some(withheld) = withheld.filter(|withheld| !withheld.is_empty()) {
            note(&recorder, format!("not passed on to a task: {withheld}"));
        }
        record_beginning(&recorder, &self.wanted);
        Ok(recorder)
    }

    /// From the lease to whatever ends the session; what was reached at the target is still to be ended.
    async fn between(
        &mut self,
        verified: Result<(SessionPermit, SessionLease), String>,
        notice: &str,
        recorder: &Recorder,
        tally: &mut Tally,
        reached: &mut Option<Reached>,
    ) -> CloseCause {
        let now = self.shared.clock.now();
        let (permit, lease) = match verified {
            Ok(verified) => verified,
            Err(detail) => return CloseCause::TargetLost { detail },
        };
        let left = lease.ends_at.since(now);
        let movement = Movement::new(lease.idle_limit);
        let Registered { stop, messages, .. } = &mut self.registered;
        let pump = Pump {
            inputs: &mut self.inputs,
            messages,
            output: &self.output,
            recorder,
            movement: &movement,
            tally,
            records_input: self.wanted.terminal.is_none(),
            takes_input: lease.task.is_none(),
        };
        let control = self.shared.control.as_ref();
        let work = work(permit, lease, notice, &self.wanted, pump, reached, control);
        tokio::select! {
            biased;
            cause = stop.ordered() => cause,
            TapeFailure(detail) = recorder.failed() => CloseCause::EvidenceFailed { detail },
            () = tokio::time::sleep(left) => CloseCause::TimeOver,
            () = movement.ceased() => CloseCause::Idle,
            cause = work => cause,
            _ = &mut self.gone => CloseCause::ClientLost,
        }
    }

    /// The permit and what goes with it, when control signed them for exactly what was asked.
    fn verified(&self, opened: &Opened) -> Result<(SessionPermit, SessionLease), String> {
        let now = self.shared.clock.now();
        let lease = self
            .shared
            .verifier
            .verify_lease(opened.lease.0.expose(), now)
            .map_err(|error| error.to_string())?;
        let body: SessionLease = serde_json::from_slice(lease.payload.expose())
            .map_err(|error| format!("the lease cannot be read: {error}"))?;
        // The ordinary path opens no account: only a task, which is forced.
        let path_fits = lease.permit.path() == Path::Privileged || body.task.is_some();
        let fits = path_fits
            && lease.session == opened.session
            && body.session == opened.session
            && body.action == self.wanted.action
            && body.account == self.visitor.login.account;
        if !fits {
            return Err("the lease is for something else than was asked".to_owned());
        }
        Ok((lease.permit, body))
    }
}

/// What a session is closed for when its tape could not be finished. A kill stays a kill.
fn evidenced(finished: Result<(), TapeFailure>, cause: CloseCause) -> CloseCause {
    match (finished, cause) {
        (Ok(()), cause) | (Err(_), cause @ CloseCause::Killed { .. }) => cause,
        (Err(TapeFailure(detail)), _) => CloseCause::EvidenceFailed { detail },
    }
}

/// Writes the end of a tape; when it returns, all of it is safe.
async fn finish(recorder: Recorder, cause: &CloseCause, tally: &Tally) -> Result<(), TapeFailure> {
    record_end(&recorder, cause, tally);
    recorder.finish(words(cause)).await
}

/// Tells the client how its session ended, and what becomes of its connection.
async fn part(output: &FrontOutput, cause: &CloseCause, tally: &Tally) -> After {
    if *cause == CloseCause::Completed {
        if let Some(signal) = &tally.signal {
            let _ = timeout(CLOSE, output.exit_signal(signal)).await;
        }
        return farewell(output, None, tally.exit).await;
    }
    told_why(output, cause).await
}

/// The same for a session that did not end by itself.
async fn told_why(output: &FrontOutput, cause: &CloseCause) -> After {
    // What somebody gave as their reason stays within the line.
    let reason = visible(&format!("session ended: {}", words(cause)));
    let after = farewell(output, Some(&told(&reason)), Some(LOST_STATUS)).await;
    let ours = !matches!(
        cause,
        CloseCause::ClientLost | CloseCause::TargetLost { .. }
    );
    if ours && after == After::Nothing {
        return After::EndIfAlone(reason);
    }
    after
}

fn record_beginning(recorder: &Recorder, wanted: &Wanted) {
    for (name, value) in &wanted.variables {
        note(recorder, format!("environment {name}={value}"));
    }
    if let Some(terminal) = &wanted.terminal {
        note(recorder, format!("terminal {}", terminal.term));
        recorder.push(resized(terminal.size));
    }
    if let Start::Exec(command) = &wanted.start {
        recorder.push(Event::Command(command.clone()));
    }
}

/// What the client set, as the gate passed it on.
fn note(recorder: &Recorder, text: String) {
    let from = "client".to_owned();
    recorder.push(Event::Notice(Notice::Message { from, text }));
}

fn record_end(recorder: &Recorder, cause: &CloseCause, tally: &Tally) {
    let exit = match (&tally.signal, tally.exit) {
        (Some(signal), _) => Exit::Signal(signal.name.clone()),
        (None, Some(status)) => Exit::Status(status),
        (None, None) => Exit::Lost,
    };
    recorder.push(Event::Exit(exit));
    if !matches!(cause, CloseCause::Completed | CloseCause::ClientLost) {
        recorder.push(Event::Notice(Notice::Killed {
            by: "portcullis".to_owned(),
            reason: words(cause),
        }));
    }
}

/// Connects, starts, and pumps. What was reached stays in its place, to be ended there.
async fn work(
    permit: SessionPermit,
    lease: SessionLease,
    notice: &str,
    wanted: &Wanted,
    pump: Pump<'_>,
    reached: &mut Option<Reached>,
    control: &dyn Control,
) -> CloseCause {
    let session = lease.session;
    if !notice.is_empty() {
        // Who does not take it holds up nobody who waits for the same secret.
        let line = pump.output.error(Bytes::from(told(notice)));
        let _ = timeout(FAREWELL, line).await;
    }
    let task = lease.task.is_some();
    let ends = match lease.credential {
        TargetCredential::Certificate { .. } if task => Ends::Sweep,
        TargetCredential::Certificate { .. } => Ends::SignalsAndSweep,
        TargetCredential::Key { .. } | TargetCredential::Password { .. } if task => {
            // Nothing would hold it to its command.
            let detail = "a task runs by a certificate only".to_owned();
            return CloseCause::TargetLost { detail };
        }
        TargetCredential::Key { .. } | TargetCredential::Password { .. } => Ends::Signals,
    };
    let Reached { target, .. } = match connect(permit, lease).await {
        Ok(target) => reached.insert(Reached { target, ends }),
        Err(detail) => return CloseCause::TargetLost { detail },
    };
    control.reached(session).await;
    match begin(target, wanted, task).await {
        Ok(()) => pump.run(target).await,
        Err(Gone) => CloseCause::TargetLost {
            detail: "the target's connection went away".to_owned(),
        },
    }
}

/// The one way to a target: it spends the permit.
async fn connect(permit: SessionPermit, lease: SessionLease) -> Result<Target, String> {
    let destination = destination(
        lease.address,
        &lease.host_keys,
        lease.account,
        lease.credential,
    )?;
    let target = portcullis_wire::ssh::connect(destination, TARGET, TARGET_PATIENCE)
        .await
        .map_err(|error| error.to_string());
    drop(permit);
    target
}

async fn begin(target: &Target, wanted: &Wanted, task: bool) -> Result<(), Gone> {
    for (name, value) in &wanted.variables {
        target.input.variable(name, value).await?;
    }
    if let Some(terminal) = &wanted.terminal {
        target.input.terminal(terminal).await?;
    }
    target.input.start(wanted.start.clone()).await?;
    if task {
        // It has its declared words and nothing else.
        target.input.eof().await?;
    }
    Ok(())
}
