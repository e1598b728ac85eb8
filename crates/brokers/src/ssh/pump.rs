//! Bytes between a client and a target, in order, each way on its own. What the target sends is recorded
//! before it goes on, and so is what the client sends where no terminal echoes it.

use std::convert::Infallible;
use std::future::pending;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use portcullis_ports::control::CloseCause;
use portcullis_tape::{Event, Notice};
use portcullis_wire::ssh::{
    Charged, ExitSignal, FrontInput, FrontOutput, Gone, Target, TargetEvent, TargetInput,
    TerminalSize,
};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::channel::Tally;
use super::recorder::Recorder;

/// When something last moved: input, output or a new size of the terminal.
#[derive(Debug)]
pub struct Movement {
    last: Mutex<Instant>,
    limit: Duration,
}

impl Movement {
    /// It moves now.
    pub fn new(limit: Duration) -> Self {
        Self {
            last: Mutex::new(Instant::now()),
            limit,
        }
    }

    fn touch(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Waits until nothing moved for the whole limit.
    pub async fn ceased(&self) {
        loop {
            let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(moment) = last.checked_add(self.limit) else {
                return pending().await;
            };
            if moment <= Instant::now() {
                return;
            }
            sleep_until(moment).await;
        }
    }
}

/// What stands between the two sides.
pub struct Pump<'a> {
    pub inputs: &'a mut mpsc::Receiver<Charged<FrontInput>>,
    pub messages: &'a mut mpsc::Receiver<String>,
    pub output: &'a FrontOutput,
    pub recorder: &'a Recorder,
    pub movement: &'a Movement,
    pub tally: &'a mut Tally,
    /// Whether what the client sends is recorded as well: where no terminal echoes it, it is seen nowhere else.
    pub records_input: bool,
    /// Whether the client's words reach the program at all; a task has its declared words and no others.
    pub takes_input: bool,
}

impl Pump<'_> {
    /// Until the program ended or one side is gone.
    pub async fn run(self, target: &mut Target) -> CloseCause {
        let Tally {
            bytes_in,
            bytes_out,
            exit,
            signal,
        } = self.tally;
        let down = Down {
            output: self.output,
            recorder: self.recorder,
            movement: self.movement,
            bytes_out,
            exit,
            signal,
        };
        let up = Up {
            target: &target.input,
            recorder: self.recorder,
            movement: self.movement,
            bytes_in,
            records: self.records_input,
        };
        let (inputs, takes_input) = (self.inputs, self.takes_input);
        let said = async {
            if takes_input {
                up.run(inputs).await
            } else {
                drain(inputs).await
            }
        };
        let shown = show(self.messages, self.output, self.recorder);
        tokio::select! {
            biased;
            cause = down.run(&mut target.events) => cause,
            never = said => match never {},
            never = shown => match never {},
        }
    }
}

/// What a client says to a task goes nowhere.
async fn drain(inputs: &mut mpsc::Receiver<Charged<FrontInput>>) -> Infallible {
    while inputs.recv().await.is_some() {}
    pending().await
}

/// From the client to the target.
struct Up<'a> {
    target: &'a TargetInput,
    recorder: &'a Recorder,
    movement: &'a Movement,
    bytes_in: &'a mut u64,
    records: bool,
}

impl Up<'_> {
    /// A client's end is noticed elsewhere, since this may be waiting.
    async fn run(mut self, inputs: &mut mpsc::Receiver<Charged<FrontInput>>) -> Infallible {
        while let Some(Charged { item, charge }) = inputs.recv().await {
            let passed = match item {
                FrontInput::Data(bytes) => {
                    self.record(&bytes).await;
                    self.target.data(bytes).await
                }
                FrontInput::Resize(size) => {
                    self.movement.touch();
                    self.recorder.push(resized(size));
                    self.target.resize(size).await
                }
                FrontInput::Signal(name) => self.target.signal(&name).await,
                FrontInput::Eof => self.target.eof().await,
                // The wire layer lets each of them come before the start only.
                FrontInput::Terminal(_) | FrontInput::Variable { .. } | FrontInput::Start(_) => {
                    Ok(())
                }
            };
            drop(charge);
            if passed.is_err() {
                break;
            }
        }
        pending().await
    }

    /// Recorded first; on its way when enough of what was recorded is safe.
    async fn record(&mut self, bytes: &Bytes) {
        self.movement.touch();
        *self.bytes_in = self.bytes_in.saturating_add(count(bytes));
        if self.records {
            self.recorder.push(Event::Input(bytes.to_vec()));
            self.recorder.room().await;
        }
    }
}

/// Lines from control, shown on standard error.
async fn show(
    messages: &mut mpsc::Receiver<String>,
    output: &FrontOutput,
    recorder: &Recorder,
) -> Infallible {
    while let Some(text) = messages.recv().await {
        let line = Bytes::from(super::relay::told(&text));
        let from = "portcullis".to_owned();
        recorder.push(Event::Notice(Notice::Message { from, text }));
        if output.error(line).await.is_err() {
            break;
        }
    }
    pending().await
}

/// From the target to the client.
struct Down<'a> {
    output: &'a FrontOutput,
    recorder: &'a Recorder,
    movement: &'a Movement,
    bytes_out: &'a mut u64,
    exit: &'a mut Option<u32>,
    signal: &'a mut Option<ExitSignal>,
}

impl Down<'_> {
    async fn run(mut self, events: &mut mpsc::Receiver<Charged<TargetEvent>>) -> CloseCause {
        while let Some(Charged { item, charge }) = events.recv().await {
            let passed = match item {
                TargetEvent::Output(bytes) => {
                    self.record(Event::Output(bytes.to_vec()), &bytes).await;
                    self.output.data(bytes).await
                }
                TargetEvent::ErrorOutput(bytes) => {
                    self.record(Event::ErrorOutput(bytes.to_vec()), &bytes)
                        .await;
                    self.output.error(bytes).await
                }
                // Said once the exit status was: of two programs on one connection, OpenSSH's client closes the
                // channel of one that has nothing more to say, and would not hear how it ended.
                TargetEvent::Eof => Ok(()),
                TargetEvent::ExitStatus(status) => {
                    *self.exit = Some(status);
                    Ok(())
                }
                TargetEvent::ExitSignal(signal) => {
                    *self.signal = Some(signal);
                    Ok(())
                }
                TargetEvent::NotStarted => return lost("the target refuses to run this"),
                TargetEvent::Closed => return CloseCause::Completed,
            };
            drop(charge);
            if let Err(Gone) = passed {
                return CloseCause::ClientLost;
            }
        }
        lost("the target's connection went away")
    }

    /// Recorded first; on its way when enough of what was recorded is safe.
    async fn record(&mut self, event: Event, bytes: &Bytes) {
        self.movement.touch();
        *self.bytes_out = self.bytes_out.saturating_add(count(bytes));
        self.recorder.push(event);
        self.recorder.room().await;
    }
}

fn lost(detail: &str) -> CloseCause {
    CloseCause::TargetLost {
        detail: detail.to_owned(),
    }
}

fn count(bytes: &Bytes) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// A size as the tape writes it.
pub fn resized(size: TerminalSize) -> Event {
    let fit = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
    Event::Resize {
        columns: fit(size.columns),
        rows: fit(size.rows),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn movement_puts_the_idle_end_off() {
        let movement = Movement::new(Duration::from_mins(1));
        let begun = Instant::now();
        tokio::time::advance(Duration::from_secs(50)).await;
        movement.touch();
        movement.ceased().await;
        assert!(begun.elapsed() >= Duration::from_secs(110));
    }
}
