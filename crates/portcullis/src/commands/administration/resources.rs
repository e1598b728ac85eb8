//! Resources: what access is asked for.

use anyhow::{Context, bail};
use serde_json::{Map, Value, json};

use super::super::kinds;
use super::{show_change, show_record, table, tell_names};
use crate::args::Global;
use crate::args::administration::{EditArgs, ResourceArgs, ResourcesCommand};
use crate::client::Api;
use crate::outcome::{Outcome, Stuck, Usage};
use crate::output::{self, prose, text};

/// The fields of a record that one may send.
const RECORD: [&str; 7] = [
    "name",
    "kind",
    "environment",
    "sensitivity",
    "owners",
    "credential",
    "settings",
];

pub(super) async fn resources(
    global: &Global,
    api: &Api,
    command: ResourcesCommand,
) -> anyhow::Result<Outcome> {
    match command {
        ResourcesCommand::Add(args) => add(global, api, &args).await,
        ResourcesCommand::Edit(args) => edit(global, api, &args).await,
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
                let answer = resource.clone();
                if let Some(fields) = resource.as_object_mut() {
                    fields.remove("instructions");
                }
                show_record(global, &resource)?;
                to_place(&answer)?;
                return Ok(Outcome::Done);
            }
            show_record(global, &resource)
        }
        ResourcesCommand::Remove { name } => {
            show_change(global, &api.delete(&format!("/resources/{name}")).await?)
        }
        ResourcesCommand::Kinds => kinds::show(global, &api.get("/kinds").await?),
    }
}

async fn add(global: &Global, api: &Api, args: &ResourceArgs) -> anyhow::Result<Outcome> {
    let body = json!({
        "name": args.name,
        "kind": args.kind,
        "environment": args.environment.as_str(),
        "sensitivity": args.sensitivity.as_str(),
        "owners": args.owners,
        "credential": args.credential,
        "settings": Value::Object(settings(&args.settings)?),
    });
    put(global, api, &body).await
}

/// Changes what is named in the record as it stands.
async fn edit(global: &Global, api: &Api, args: &EditArgs) -> anyhow::Result<Outcome> {
    let mut record = api.get(&format!("/resources/{}", args.name)).await?;
    tell_names(api, &mut record, "/owners").await?;
    put(global, api, &edited(record, args)?).await
}

fn edited(mut record: Value, args: &EditArgs) -> anyhow::Result<Value> {
    let changed = settings(&args.settings)?;
    let fields = record.as_object_mut();
    let fields = fields.context("the server answered with something that is no record")?;
    if !fields.contains_key("settings") {
        bail!(Stuck {
            what: format!(
                "you may not see where {} is, and not change that either",
                args.name
            ),
            next: "ask one of its owners, or an owner of the installation".to_owned(),
        });
    }
    fields.retain(|field, _| RECORD.contains(&field.as_str()));
    fields.insert("replace".to_owned(), true.into());
    if let Some(environment) = args.environment {
        fields.insert("environment".to_owned(), environment.as_str().into());
    }
    if let Some(sensitivity) = args.sensitivity {
        fields.insert("sensitivity".to_owned(), sensitivity.as_str().into());
    }
    if !args.owners.is_empty() {
        fields.insert("owners".to_owned(), args.owners.clone().into());
    }
    if let Some(credential) = &args.credential {
        fields.insert("credential".to_owned(), credential.clone().into());
    }
    if args.no_credential {
        fields.remove("credential");
    }
    if let Some(settings) = fields.get_mut("settings").and_then(Value::as_object_mut) {
        settings.extend(changed);
        settings.retain(|_, value| !value.is_null());
    }
    Ok(record)
}

async fn put(global: &Global, api: &Api, body: &Value) -> anyhow::Result<Outcome> {
    let put = api.post("/resources", body).await?;
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
    to_place(&put)?;
    Ok(outcome)
}

/// What is to be placed at the target by hand.
fn to_place(answer: &Value) -> anyhow::Result<()> {
    let instructions = prose(answer, "/instructions");
    if !instructions.is_empty() {
        output::line(format!("\n{instructions}"))?;
    }
    Ok(())
}

fn settings(given: &[String]) -> anyhow::Result<Map<String, Value>> {
    let mut settings = Map::new();
    for setting in given {
        let (key, value) = setting
            .split_once('=')
            .ok_or_else(|| Usage(format!("{setting:?} is no setting: say KEY=VALUE")))?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        settings.insert(key.to_owned(), value);
    }
    Ok(settings)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn an_edit_changes_what_it_names_and_nothing_else() {
        let record = json!({
            "id": "res_1", "name": "web-1", "kind": "ssh", "environment": "production",
            "sensitivity": "secret", "owners": ["olaf"], "credential": "web-1-root",
            "settings": {"address": "web-1:22", "account": "root", "accounts": ["ops"]},
            "accounts": ["root", "ops"], "offers": ["shell account=root"], "instructions": "place this",
        });
        let mut args = EditArgs {
            name: "web-1".to_owned(),
            environment: None,
            sensitivity: None,
            owners: Vec::new(),
            credential: None,
            no_credential: false,
            settings: vec!["address=web-2:22".to_owned(), "accounts=null".to_owned()],
        };
        let mut wanted = json!({
            "name": "web-1", "kind": "ssh", "environment": "production",
            "sensitivity": "secret", "owners": ["olaf"], "credential": "web-1-root",
            "settings": {"address": "web-2:22", "account": "root"}, "replace": true,
        });
        assert_eq!(edited(record.clone(), &args).unwrap(), wanted);
        args.no_credential = true;
        wanted.as_object_mut().unwrap().remove("credential");
        assert_eq!(edited(record, &args).unwrap(), wanted);
    }
}
