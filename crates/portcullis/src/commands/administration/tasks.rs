//! Tasks: programs with typed arguments, declared by owners.

use portcullis_classify::task::argument;
use portcullis_model::Argument;
use serde_json::{Value, json};

use super::{show_change, show_record, table};
use crate::args::Global;
use crate::args::administration::TasksCommand;
use crate::client::Api;
use crate::outcome::{Outcome, Usage};
use crate::output::{self, text};

/// Runs one of them.
pub(super) async fn tasks(
    global: &Global,
    api: &Api,
    command: TasksCommand,
) -> anyhow::Result<Outcome> {
    match command {
        TasksCommand::Add {
            resource,
            name,
            account,
            words,
        } => {
            let (program, arguments) = declared(&words)?;
            let body = json!({
                "resource": resource,
                "name": name,
                "account": account,
                "program": program,
                "arguments": arguments,
            });
            show_change(global, &api.post("/tasks", &body).await?)
        }
        TasksCommand::List => {
            let all = api.list("/tasks").await?;
            let headings = ["resource", "type this", "account", "runs"];
            table(global, &all, &headings, "no tasks", |task| {
                vec![
                    text(task, "/resource_name"),
                    text(task, "/usage"),
                    text(task, "/account"),
                    runs(task),
                ]
            })
        }
        TasksCommand::Show { resource, name } => {
            let task = api.get(&format!("/tasks/{resource}/{name}")).await?;
            if global.json {
                return show_record(global, &task);
            }
            show(&task)
        }
        TasksCommand::Remove { resource, name } => {
            let change = api.delete(&format!("/tasks/{resource}/{name}")).await?;
            show_change(global, &change)
        }
    }
}

/// A program and its arguments as they are typed.
fn declared(words: &[String]) -> anyhow::Result<(&str, Vec<Argument>)> {
    let (program, rest) = words
        .split_first()
        .ok_or_else(|| Usage("say what it runs, after --".to_owned()))?;
    let arguments = rest.iter().map(|word| argument(word));
    let arguments = arguments.collect::<Result<Vec<_>, _>>();
    Ok((
        program,
        arguments.map_err(|error| Usage(error.to_string()))?,
    ))
}

fn show(task: &Value) -> anyhow::Result<Outcome> {
    let resource = text(task, "/resource_name");
    let usage = text(task, "/usage");
    output::line(format!("{}  {}", text(task, "/id"), text(task, "/name")))?;
    output::line(format!("runs       {}", runs(task)))?;
    output::line(format!(
        "as         {} at {resource}",
        text(task, "/account")
    ))?;
    output::line(format!("shell      {}", text(task, "/seen/shell")))?;
    output::line(format!("groups     {}", output::list(task, "/seen/groups")))?;
    output::line(format!("sha256     {}", text(task, "/seen/program")))?;
    output::line(format!(
        "ask        portcullis request {resource} task {usage} --reason TEXT"
    ))?;
    output::line(format!("then       ssh {resource} {usage}"))?;
    Ok(Outcome::Done)
}

/// The program and its arguments, types in braces.
fn runs(task: &Value) -> String {
    let arguments = task.get("arguments").and_then(Value::as_array);
    let arguments = arguments.into_iter().flatten();
    let shown = arguments.filter_map(|one| serde_json::from_value::<Argument>(one.clone()).ok());
    shown.fold(text(task, "/program"), |line, argument| {
        format!("{line} {argument}")
    })
}
