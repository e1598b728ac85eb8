//! Resources, identities, groups, secrets and the changes they are made by: a file for each.

mod changes;
mod groups;
mod identities;
mod resources;
mod retention;
mod secrets;
mod tasks;

use clap::ValueEnum;
use serde_json::Value;

use crate::args::Global;
use crate::args::administration::{
    AdministrationCommand, ChangesCommand, GroupsCommand, IdentitiesCommand, ResourcesCommand,
    SecretsCommand, TasksCommand,
};
use crate::args::retention::RetentionCommand;
use crate::client::Api;
use crate::outcome::Outcome;
use crate::output;

use changes::changes;
pub(crate) use changes::{refuse_change, show_change, sign_change};
use groups::groups;
use identities::identities;
use resources::resources;
use retention::retention;
use secrets::secrets;
use tasks::tasks;

/// Runs one of them.
pub(crate) async fn run(
    global: &Global,
    command: AdministrationCommand,
) -> anyhow::Result<Outcome> {
    let api = Api::signed_in(global)?;
    match command {
        AdministrationCommand::Resources { command } => {
            resources(global, &api, command.unwrap_or(ResourcesCommand::List)).await
        }
        AdministrationCommand::Tasks { command } => {
            tasks(global, &api, command.unwrap_or(TasksCommand::List)).await
        }
        AdministrationCommand::Identities { command } => {
            identities(global, &api, command.unwrap_or(IdentitiesCommand::List)).await
        }
        AdministrationCommand::Groups { command } => {
            groups(global, &api, command.unwrap_or(GroupsCommand::List)).await
        }
        AdministrationCommand::Secrets { command } => {
            secrets(global, &api, command.unwrap_or(SecretsCommand::List)).await
        }
        AdministrationCommand::Retention { command } => {
            retention(global, &api, command.unwrap_or(RetentionCommand::Show)).await
        }
        AdministrationCommand::Thaw => {
            show_change(global, &api.post("/thaw", &serde_json::json!({})).await?)
        }
        AdministrationCommand::Changes { command } => {
            changes(global, &api, command.unwrap_or(ChangesCommand::List)).await
        }
    }
}

/// A choice as the server spells it.
fn word<T: ValueEnum>(value: &T) -> String {
    value
        .to_possible_value()
        .map_or_else(String::new, |value| value.get_name().to_owned())
}

/// Puts names in the place of the identifiers in a list, for people.
async fn tell_names(api: &Api, record: &mut Value, pointer: &str) -> anyhow::Result<()> {
    let Some(ids) = record.pointer_mut(pointer).and_then(Value::as_array_mut) else {
        return Ok(());
    };
    if ids.is_empty() {
        return Ok(());
    }
    let everybody = api.list("/identities").await?;
    for id in ids {
        let mut known = everybody.as_array().into_iter().flatten();
        let known = known.find(|identity| identity.get("id") == Some(id));
        if let Some(name) = known.and_then(|identity| identity.get("name")) {
            *id = name.clone();
        }
    }
    Ok(())
}

fn show_record(global: &Global, record: &Value) -> anyhow::Result<Outcome> {
    output::record(global.json, record)?;
    Ok(Outcome::Done)
}

fn table(
    global: &Global,
    all: &Value,
    headings: &[&str],
    nothing: &str,
    row: impl Fn(&Value) -> Vec<String>,
) -> anyhow::Result<Outcome> {
    if global.json {
        output::json(all)?;
    } else {
        output::table(
            headings,
            all.as_array().into_iter().flatten().map(row),
            nothing,
        )?;
    }
    Ok(Outcome::Done)
}
