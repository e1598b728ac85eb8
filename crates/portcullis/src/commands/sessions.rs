//! Sessions: looking, watching, ending, replaying, taking tapes away and checking them.

mod verify;

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt;
use portcullis_model::Secret;
use portcullis_ports::{Sealer, SealerError};
use portcullis_store::AgeSealer;
use portcullis_tape::{Event, Frame, Header, RESTORE, Sanitizer, TapeKey};
use serde_json::{Value, json};

use crate::args::Global;
use crate::args::access::SessionsCommand;
use crate::client::Api;
use crate::commands::administration::show_change;
use crate::outcome::Outcome;
use crate::output::{self, action, moment_and_when, text, when, word};

/// The longest pause kept when a tape is replayed in its own time.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Runs one of them.
pub(crate) async fn run(
    global: &Global,
    command: Option<SessionsCommand>,
) -> anyhow::Result<Outcome> {
    match command.unwrap_or(SessionsCommand::List) {
        SessionsCommand::List => list(global).await,
        SessionsCommand::Show { id } => {
            let session = Api::signed_in(global)?
                .get(&format!("/sessions/{id}"))
                .await?;
            show(global, &session)
        }
        SessionsCommand::Watch { id } => watch(global, &id).await,
        SessionsCommand::Kill { id, reason } => {
            let body = json!({ "reason": reason });
            let session = Api::signed_in(global)?
                .post(&format!("/sessions/{id}/kill"), &body)
                .await?;
            let outcome = show(global, &session)?;
            if !global.json {
                output::line(format!(
                    "next       to keep them out as well: portcullis revoke {} --reason TEXT",
                    text(&session, "/opening/grant")
                ))?;
            }
            Ok(outcome)
        }
        SessionsCommand::Hold { id, reason } => {
            let body = json!({ "reason": reason });
            let api = Api::signed_in(global)?;
            show(
                global,
                &api.post(&format!("/sessions/{id}/hold"), &body).await?,
            )
        }
        SessionsCommand::LetGo { id } => propose(global, &id, "let-go").await,
        SessionsCommand::Erase { id } => propose(global, &id, "erase-tape").await,
        SessionsCommand::Play {
            what,
            auditor,
            fast,
        } => play(global, &what, auditor.as_deref(), fast).await,
        SessionsCommand::Export { id, out } => export(global, &id, &out).await,
        SessionsCommand::Verify {
            what,
            evidence,
            key,
        } => {
            let evidence = evidence.as_deref().zip(key.as_deref());
            verify::run(global, &what, evidence).await
        }
    }
}

/// What became of its tape beside being kept.
fn keeping(session: &Value) -> String {
    match text(session, "/keeping/tape").as_str() {
        "held" => format!(
            ", held since {}",
            moment_and_when(session, "/keeping/since")
        ),
        "erased" => format!(", erased {}", moment_and_when(session, "/keeping/at")),
        _ => String::new(),
    }
}

/// Something about a tape that owners sign.
async fn propose(global: &Global, id: &str, what: &str) -> anyhow::Result<Outcome> {
    let path = format!("/sessions/{id}/{what}");
    let change = Api::signed_in(global)?.post(&path, &json!({})).await?;
    show_change(global, &change)
}

async fn list(global: &Global) -> anyhow::Result<Outcome> {
    let all = Api::signed_in(global)?.list("/sessions").await?;
    if global.json {
        output::json(&all)?;
        return Ok(Outcome::Done);
    }
    let rows = all.as_array().into_iter().flatten().map(|session| {
        vec![
            text(session, "/id"),
            text(session, "/status"),
            text(session, "/identity_name"),
            text(session, "/resource_name"),
            action(session, "/opening/action"),
            when(session, "/opened_at"),
            text(session, "/ending/cause"),
        ]
    });
    let headings = [
        "id", "status", "who", "resource", "action", "opened", "ended by",
    ];
    output::table(&headings, rows, "no sessions")?;
    Ok(Outcome::Done)
}

fn show(global: &Global, session: &Value) -> anyhow::Result<Outcome> {
    if global.json {
        output::json(session)?;
        return Ok(Outcome::Done);
    }
    output::heading(session)?;
    output::line(format!(
        "who        {} from {}",
        text(session, "/identity_name"),
        text(session, "/opening/source")
    ))?;
    output::line(format!(
        "what       {} on {}",
        action(session, "/opening/action"),
        text(session, "/resource_name")
    ))?;
    output::line(format!(
        "opened     {}",
        moment_and_when(session, "/opened_at")
    ))?;
    output::line(format!(
        "with       {}",
        text(session, "/opening/credential")
    ))?;
    output::line(format!("grant      {}", text(session, "/opening/grant")))?;
    output::line(format!(
        "policies   {}",
        output::list(session, "/opening/policies")
    ))?;
    let cause = text(session, "/ending/cause");
    if !cause.is_empty() {
        let exit = text(session, "/ending/exit");
        let exit = if exit.is_empty() {
            exit
        } else {
            format!(", exit {exit}")
        };
        output::line(format!("ended      {cause}{exit}"))?;
    }
    let killed = word(session, "/killed");
    if !killed.is_empty() {
        output::line(format!("ended by   {killed}"))?;
    }
    let held = word(session, "/held");
    if !held.is_empty() {
        output::line(format!("held by    {held}"))?;
    }
    let task = text(session, "/as_task");
    if !task.is_empty() {
        output::line(format!("make this a task\n           {task}"))?;
    }
    let segments = text(session, "/head/segments");
    if !segments.is_empty() {
        output::line(format!(
            "tape       {segments} segments, {} bytes{}",
            text(session, "/head/bytes"),
            keeping(session)
        ))?;
    }
    Ok(Outcome::Done)
}

/// Shows a live session as it goes on. What comes from the target cannot attack this terminal.
async fn watch(global: &Global, id: &str) -> anyhow::Result<Outcome> {
    let response = Api::signed_in(global)?
        .stream(&format!("/sessions/{id}/watch"))
        .await?;
    let mut stream = response.bytes_stream();
    let mut buffer = Vec::new();
    let mut sanitizer = Sanitizer::default();
    while let Some(chunk) = stream.next().await {
        buffer.extend_from_slice(&chunk.context("the server ended the stream")?);
        while let Some(end) = buffer.windows(2).position(|pair| pair == b"\n\n") {
            let event: Vec<u8> = buffer.drain(..end + 2).collect();
            let event = String::from_utf8_lossy(&event);
            if event.lines().any(|line| line == "event: end") {
                output::bytes(RESTORE.as_bytes())?;
                return Ok(Outcome::Done);
            }
            for data in event.lines().filter_map(|line| line.strip_prefix("data:")) {
                show_live(global, data.trim_start(), &mut sanitizer)?;
            }
        }
    }
    output::bytes(RESTORE.as_bytes())?;
    Ok(Outcome::Done)
}

fn show_live(global: &Global, data: &str, sanitizer: &mut Sanitizer) -> anyhow::Result<()> {
    if global.json {
        return output::json_line(data);
    }
    let value: Value = serde_json::from_str(data)?;
    if let Some(shown) = shown(&value) {
        output::bytes(sanitizer.push(&shown).as_bytes())?;
    }
    Ok(())
}

/// What a frame's line put on the screen, as it was recorded.
fn shown(frame: &Value) -> Option<Vec<u8>> {
    match frame.get("event")?.as_str()? {
        "output" | "error_output" => STANDARD.decode(frame.get("data")?.as_str()?).ok(),
        _ => None,
    }
}

async fn export(global: &Global, id: &str, out: &Path) -> anyhow::Result<Outcome> {
    let api = Api::signed_in(global)?;
    let tape = api.get_bytes(&format!("/sessions/{id}/tape")).await?;
    let evidence = api.get_bytes(&format!("/ledger/evidence/{id}")).await?;
    std::fs::create_dir_all(out)?;
    let files = [
        (out.join(format!("{id}.tape")), tape),
        (out.join(format!("{id}.evidence")), evidence),
    ];
    for (path, bytes) in &files {
        std::fs::write(path, bytes).with_context(|| format!("writing {}", path.display()))?;
        if !global.json {
            output::line(path.display().to_string())?;
        }
    }
    if global.json {
        output::json(&files.map(|(path, _)| path))?;
    }
    Ok(Outcome::Done)
}

/// What is wrong with a tape whose last segment is no end marker.
const NO_END: &str = "the tape is unfinished or truncated: it has no end marker, so its session still lives, its writer \
                      was killed, or its tail was cut off";

async fn play(
    global: &Global,
    what: &str,
    identity: Option<&Path>,
    fast: bool,
) -> anyhow::Result<Outcome> {
    match identity {
        Some(identity) => play_file(global, Path::new(what), identity, fast).await,
        None if Path::new(what).exists() => {
            bail!("say whose key opens the tape: --identity FILE")
        }
        None => play_session(global, what, fast).await,
    }
}

/// Opens a tape, which need not fit in memory.
fn tape_file(path: &Path) -> anyhow::Result<BufReader<File>> {
    let file = File::open(path).with_context(|| format!("reading {}", path.display()))?;
    Ok(BufReader::new(file))
}

/// Replays a tape offline with an auditor's key.
async fn play_file(
    global: &Global,
    path: &Path,
    identity: &Path,
    fast: bool,
) -> anyhow::Result<Outcome> {
    let source = tape_file(path)?;
    let text = crate::secret_file::read(identity)?;
    let mut reader = portcullis_tape::open(source)?;
    let key = key_for(reader.header(), &text);
    let key = key.with_context(|| identity.display().to_string())?;
    let mut player = Player::new(global.json, fast);
    while let Some(segment) = reader.next_segment()? {
        for frame in segment.frames(&key)? {
            player.show(&frame).await?;
        }
    }
    if !reader.ended() {
        player.end()?;
        bail!(NO_END);
    }
    player.end()
}

/// What opens a tape to whoever has this identity.
fn key_for(header: &Header, identity: &Secret<String>) -> anyhow::Result<TapeKey> {
    for wrap in &header.key_wraps {
        match AgeSealer.open(identity, &wrap.wrapped) {
            Ok(opened) => {
                let key = opened.expose().as_slice().try_into();
                return Ok(TapeKey::new(key.context("it opens no tape key")?));
            }
            Err(error @ SealerError::Malformed { .. }) => return Err(error.into()),
            // Somebody else's.
            Err(_) => {}
        }
    }
    bail!("this tape is not sealed to that identity")
}

/// Replays a tape through the product, with a grant to do so.
async fn play_session(global: &Global, id: &str, fast: bool) -> anyhow::Result<Outcome> {
    let replay = Api::signed_in(global)?
        .post(&format!("/sessions/{id}/replay"), &json!({}))
        .await?;
    let mut player = Player::new(global.json, fast);
    for frame in replay
        .get("frames")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        player.show_line(frame).await?;
    }
    player.end()
}

/// Shows frames one after the other, in their own time or at once.
struct Player {
    json: bool,
    fast: bool,
    sanitizer: Sanitizer,
    at_ms: u64,
}

impl Player {
    fn new(json: bool, fast: bool) -> Self {
        Self {
            json,
            fast,
            sanitizer: Sanitizer::default(),
            at_ms: 0,
        }
    }

    async fn wait_until(&mut self, at_ms: u64) {
        let pause = Duration::from_millis(at_ms.saturating_sub(self.at_ms)).min(LONGEST_PAUSE);
        self.at_ms = at_ms;
        if !self.fast && !self.json {
            tokio::time::sleep(pause).await;
        }
    }

    async fn show(&mut self, frame: &Frame) -> anyhow::Result<()> {
        if self.json {
            return output::json_line(portcullis_tape::json_line(frame).trim_end());
        }
        if let Event::Output(bytes) | Event::ErrorOutput(bytes) = &frame.event {
            self.wait_until(frame.at_ms).await;
            output::bytes(self.sanitizer.push(bytes).as_bytes())?;
        }
        Ok(())
    }

    async fn show_line(&mut self, frame: &Value) -> anyhow::Result<()> {
        if self.json {
            return output::json_line(&frame.to_string());
        }
        if let Some(shown) = shown(frame) {
            let at = frame
                .get("at_ms")
                .and_then(Value::as_u64)
                .unwrap_or(self.at_ms);
            self.wait_until(at).await;
            output::bytes(self.sanitizer.push(&shown).as_bytes())?;
        }
        Ok(())
    }

    fn end(self) -> anyhow::Result<Outcome> {
        if !self.json {
            output::bytes(RESTORE.as_bytes())?;
            output::line("")?;
        }
        Ok(Outcome::Done)
    }
}
