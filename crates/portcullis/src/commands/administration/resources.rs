//! Resources: what access is asked for.

use serde_json::{Map, Value, json};

use super::super::kinds;
use super::{show_change, show_record, table, tell_names};
use crate::args::Global;
use crate::args::administration::{ResourceArgs, ResourcesCommand};
use crate::client::Api;
use crate::outcome::{Outcome, Usage};
use crate::output::{self, prose, text};

pub(super) async fn resources(
    global: &Global,
    api: &Api,
    command: ResourcesCommand,
) -> anyhow::Result<Outcome> {
    match command {
        ResourcesCommand::Add(args) => put_resource(global, api, &args, false).await,
        ResourcesCommand::Edit(args) => put_resource(global, api, &args, true).await,
        ResourcesCommand::List => {
            let all = api.list("/resources").await?;
            let headings = ["name", "kind", "environment", "sensitivity", "credential"];
            table(global, &all, &headings, "no resources", |resource| {
                [
                    "/name",
                    "/kind",
                    "/environment",
                    "/sensitivity",
                    "/credential",
                ]
                .map(|pointer| text(resource, pointer))
                .to_vec()
            })
        }
        ResourcesCommand::Show { name } => {
            let mut resource = api.get(&format!("/resources/{name}")).await?;
            if !global.json {
                tell_names(api, &mut resource, "/owners").await?;
            }
            show_record(global, &resource)
        }
        ResourcesCommand::Remove { name } => {
            show_change(global, &api.delete(&format!("/resources/{name}")).await?)
        }
        ResourcesCommand::Kinds => kinds::show(global, &api.get("/kinds").await?),
    }
}

async fn put_resource(
    global: &Global,
    api: &Api,
    args: &ResourceArgs,
    replace: bool,
) -> anyhow::Result<Outcome> {
    let body = resource_body(args, replace)?;
    let put = api.post("/resources", &body).await?;
    let change = put.get("change").cloned().unwrap_or(Value::Null);
    if global.json {
        output::json(&put)?;
        return Ok(if text(&change, "/status") == "pending" {
            Outcome::Pending
        } else {
            Outcome::Done
        });
    }
    let outcome = show_change(global, &change)?;
    let instructions = prose(&put, "/instructions");
    if !instructions.is_empty() {
        output::line(format!("\n{instructions}"))?;
    }
    Ok(outcome)
}

fn resource_body(args: &ResourceArgs, replace: bool) -> anyhow::Result<Value> {
    let mut settings = Map::new();
    for setting in &args.settings {
        let (key, value) = setting
            .split_once('=')
            .ok_or_else(|| Usage(format!("{setting:?} is no setting: say KEY=VALUE")))?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        settings.insert(key.to_owned(), value);
    }
    Ok(json!({
        "name": args.name,
        "kind": args.kind,
        "environment": args.environment.as_str(),
        "sensitivity": args.sensitivity.as_str(),
        "owners": args.owners,
        "credential": args.credential,
        "settings": settings,
        "replace": replace,
    }))
}
