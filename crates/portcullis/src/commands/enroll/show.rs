//! What is told of a host that is brought in.

use portcullis_hosts::{Act, Plan};
use portcullis_model::SideDoor;
use serde_json::{Value, json};

use super::super::administration::show_change;
use super::super::side_doors;
use crate::args::Global;
use crate::args::hosts::EnrollArgs;
use crate::outcome::{Outcome, Stuck};
use crate::output::{self, text};

/// Everything there is to tell, as it comes about.
pub(super) struct Told<'a> {
    resource: &'a str,
    plan: &'a Plan,
    change: Option<Value>,
    is_applied: bool,
    doors: Value,
    /// Whether the server knows of them.
    are_recorded: bool,
}

impl<'a> Told<'a> {
    pub(super) fn new(resource: &'a str, plan: &'a Plan) -> Self {
        Self {
            resource,
            plan,
            change: None,
            is_applied: false,
            doors: Value::Null,
            are_recorded: false,
        }
    }

    /// The resource was proposed.
    pub(super) fn change(&mut self, change: Option<Value>) {
        self.change = change;
    }

    /// What was planned is done.
    pub(super) fn applied(&mut self) {
        self.is_applied = true;
    }

    /// What was found beside ours, and what the server knows of it.
    pub(super) fn doors(&mut self, found: &[SideDoor], known: Option<Value>) {
        self.are_recorded = known.is_some();
        self.doors = known.unwrap_or_else(|| {
            let doors = found.iter().map(|door| {
                let mut value = json!(door);
                if let Some(fields) = value.as_object_mut() {
                    fields.insert("id".to_owned(), json!(door.id()));
                    fields.insert("decided".to_owned(), json!(false));
                }
                value
            });
            json!({ "doors": doors.collect::<Vec<_>>(), "undecided": found.len() })
        });
    }

    /// It cannot be done.
    pub(super) fn refused(&self, global: &Global) -> anyhow::Result<Outcome> {
        let next = "set it right at the host, and look again".to_owned();
        let what = self.plan.against.join("; ");
        if !global.json {
            self.show_doors()?;
        }
        Err(Stuck { what, next }.into())
    }

    /// What was or would be done, and what was found.
    pub(super) fn show(&self, global: &Global, args: &EnrollArgs) -> anyhow::Result<Outcome> {
        let waits = self.change.as_ref();
        let waits = waits.is_some_and(|change| text(change, "/status") == "pending");
        if global.json {
            output::json(&self.as_json())?;
        } else {
            self.show_steps()?;
            self.show_doors()?;
            self.show_next(global, args)?;
        }
        Ok(if waits {
            Outcome::Pending
        } else {
            Outcome::Done
        })
    }

    fn as_json(&self) -> Value {
        json!({
            "resource": self.resource,
            "applied": self.is_applied,
            "steps": texts(&self.plan.acts),
            "there": self.plan.there,
            "doubts": self.plan.doubts,
            "change": self.change,
            "side_doors": self.doors,
            "recorded": self.are_recorded,
        })
    }

    fn show_steps(&self) -> anyhow::Result<()> {
        for there in &self.plan.there {
            output::line(format!("is there  {there}"))?;
        }
        for doubt in &self.plan.doubts {
            output::line(format!("doubtful  {doubt}"))?;
        }
        let (word, nothing) = if self.is_applied {
            ("done     ", "nothing was left to do at the host")
        } else {
            ("would    ", "nothing is left to do at the host")
        };
        if self.plan.acts.is_empty() {
            return output::line(nothing);
        }
        for act in &self.plan.acts {
            output::line(format!("{word} {act}"))?;
        }
        Ok(())
    }

    fn show_doors(&self) -> anyhow::Result<()> {
        output::line(
            "\nways in that do not lead through Portcullis, as far as they are known to it:",
        )?;
        side_doors::table(&self.doors)
    }

    fn show_next(&self, global: &Global, args: &EnrollArgs) -> anyhow::Result<()> {
        if let Some(change) = &self.change {
            output::line("")?;
            show_change(global, change)?;
        }
        let name = self.resource;
        if self.is_applied && !self.are_recorded {
            output::line(format!(
                "\nits side doors are recorded when an owner of {name} runs this again, once it is signed"
            ))
        } else if self.is_applied || self.plan.acts.is_empty() {
            output::line(format!(
                "\nto close a door, close it at the host; to keep one: portcullis side-doors keep {name} ID --reason TEXT"
            ))
        } else {
            output::line(format!(
                "\nnothing was changed; to do it, the same with --apply, and --environment where it is new: portcullis enroll {} --apply",
                args.host
            ))
        }
    }
}

/// What was proposed is not undone by what failed at the host.
pub(super) fn still_waits(change: Option<&Value>) -> anyhow::Result<()> {
    let Some(change) = change.filter(|change| text(change, "/status") == "pending") else {
        return Ok(());
    };
    let id = text(change, "/id");
    output::note(format!(
        "{id} waits for signatures all the same: to drop it, portcullis deny {id}"
    ))
}

/// What was taken back.
pub(super) fn undone(global: &Global, args: &EnrollArgs, acts: &[Act]) -> anyhow::Result<()> {
    if global.json {
        return output::json(&json!({ "undone": texts(acts) }));
    }
    for act in acts {
        output::line(format!("done      {act}"))?;
    }
    output::line(format!(
        "\nwhat was done at {} is undone; the resource stays until it is removed: portcullis resources remove NAME",
        args.host
    ))
}

fn texts(acts: &[Act]) -> Vec<String> {
    acts.iter().map(ToString::to_string).collect()
}
