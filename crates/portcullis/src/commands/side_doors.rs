//! `side-doors`: ways into a host that do not lead through Portcullis, and what its owners say of them.

use serde_json::{Value, json};

use crate::args::Global;
use crate::args::hosts::SideDoorsCommand;
use crate::client::Api;
use crate::outcome::Outcome;
use crate::output::{self, list, moment, text, when};

/// How much is shown of what a door is called: enough to type.
const SHORT: usize = 12;

/// Runs one of them.
pub(crate) async fn run(global: &Global, command: SideDoorsCommand) -> anyhow::Result<Outcome> {
    let api = Api::signed_in(global)?;
    let known = match command {
        SideDoorsCommand::List { resource } => {
            api.get(&format!("/resources/{resource}/side-doors"))
                .await?
        }
        SideDoorsCommand::Keep {
            resource,
            door,
            reason,
            span,
        } => {
            let path = format!("/resources/{resource}/side-doors/{door}/keep");
            let secs = span.map(|span| span.0.as_secs());
            let body = json!({ "reason": reason, "secs": secs });
            api.post(&path, &body).await?
        }
    };
    if global.json {
        output::json(&known)?;
    } else {
        table(&known)?;
        if text(&known, "/looked_at").is_empty() {
            output::line(format!(
                "nobody has looked: portcullis enroll {}",
                text(&known, "/resource")
            ))?;
        } else {
            output::line(format!(
                "{} undecided, {} to decide; looked at by {} {}",
                text(&known, "/undecided"),
                list(&known, "/owners"),
                text(&known, "/looked_by"),
                when(&known, "/looked_at"),
            ))?;
        }
    }
    Ok(Outcome::Done)
}

/// The doors, each with who decided that it stays.
pub(crate) fn table(known: &Value) -> anyhow::Result<()> {
    let doors = known.pointer("/doors").and_then(Value::as_array);
    let rows = doors.into_iter().flatten().map(|door| {
        let id = text(door, "/id").chars().take(SHORT).collect();
        let about = ["/kind", "/whom", "/place", "/what"].map(|pointer| text(door, pointer));
        let row = std::iter::once(id).chain(about);
        row.chain([decision(door)]).collect()
    });
    let headings = ["id", "kind", "whom", "place", "what", "decided"];
    output::table(&headings, rows, "none were found")
}

fn decision(door: &Value) -> String {
    let by = text(door, "/kept_by");
    let until = moment(door, "/kept_until");
    match (
        door.pointer("/decided") == Some(&Value::Bool(true)),
        until.as_str(),
    ) {
        (true, "") => format!("{by} keeps it"),
        (true, until) => format!("{by} keeps it until {until}"),
        (false, "") => "by nobody".to_owned(),
        (false, until) => format!("{by} kept it until {until}"),
    }
}
