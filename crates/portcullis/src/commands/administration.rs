//! Resources, identities, groups, secrets and the changes they are made by.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::ValueEnum;
use serde_json::{Map, Value, json};

use crate::args::Global;
use crate::args::access::DecideArgs;
use crate::args::administration::{
    AdministrationCommand, ChangesCommand, GroupsCommand, IdentitiesCommand, ResourceArgs,
    ResourcesCommand, SecretsCommand,
};
use crate::client::Api;
use crate::outcome::{Outcome, Usage};
use crate::output::{self, list, prose, text, when};
use crate::secret_file;

/// How often a rotation is looked at while somebody waits for it.
const ROTATION_POLL: Duration = Duration::from_millis(250);

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
        AdministrationCommand::Identities { command } => {
            identities(global, &api, command.unwrap_or(IdentitiesCommand::List)).await
        }
        AdministrationCommand::Groups { command } => {
            groups(global, &api, command.unwrap_or(GroupsCommand::List)).await
        }
        AdministrationCommand::Secrets { command } => {
            secrets(global, &api, command.unwrap_or(SecretsCommand::List)).await
        }
        AdministrationCommand::Changes { command } => {
            changes(global, &api, command.unwrap_or(ChangesCommand::List)).await
        }
    }
}

/// Signs or refuses a change.
pub(crate) async fn decide_change(
    global: &Global,
    api: &Api,
    args: &DecideArgs,
    yes: bool,
) -> anyhow::Result<Outcome> {
    let path = format!("/changes/{}", args.id);
    let decided = if yes {
        let digest = match &args.digest {
            Some(digest) => digest.clone(),
            None => text(&api.get(&path).await?, "/digest"),
        };
        api.post(&format!("{path}/sign"), &json!({ "digest": digest }))
            .await?
    } else {
        api.post(&format!("{path}/refuse"), &json!({})).await?
    };
    show_change(global, &decided)?;
    if yes && !global.json {
        say_who_enrolls(&decided)?;
    }
    Ok(Outcome::Done)
}

/// Who was added enrolls with a token that nobody has yet: whoever signed last is not whom it is for.
fn say_who_enrolls(change: &Value) -> anyhow::Result<()> {
    let name = text(change, "/body/identity/name");
    let active = text(change, "/body/identity/active") == "true";
    if text(change, "/status") == "applied" && active && !name.is_empty() {
        output::line(format!(
            "next       {}, or another owner of identities, gets {name}'s one-time token with\n           portcullis identities enroll {name}",
            text(change, "/proposer_name")
        ))?;
    }
    Ok(())
}

/// Prints a change; says with the exit code whether it waits for signatures.
pub(crate) fn show_change(global: &Global, change: &Value) -> anyhow::Result<Outcome> {
    let outcome = if text(change, "/status") == "pending" {
        Outcome::Pending
    } else {
        Outcome::Done
    };
    if global.json {
        output::json(change)?;
        return Ok(outcome);
    }
    output::heading(change)?;
    output::line(format!("what       {}", describe(change)))?;
    output::line(format!("by         {}", text(change, "/proposer_name")))?;
    output::line(format!("signed by  {}", list(change, "/signed_by")))?;
    let missing = text(change, "/missing");
    if !missing.is_empty() {
        output::line(format!("needs      {missing}"))?;
    }
    output::line(format!("digest     {}", text(change, "/digest")))?;
    let token = text(change, "/enrolment_token");
    if !token.is_empty() {
        output::line(format!(
            "\nOne-time token to enroll with, good for 24 hours:\n\n  {token}"
        ))?;
    }
    Ok(outcome)
}

fn describe(change: &Value) -> String {
    let verb = text(change, "/body/change").replace('_', " ");
    let names = [
        "/body/resource/name",
        "/body/identity/name",
        "/body/group/name",
        "/body/name",
        "/body/bundle",
    ];
    let name = names
        .iter()
        .map(|pointer| text(change, pointer))
        .find(|name| !name.is_empty());
    format!("{verb} {}", name.unwrap_or_default())
}

async fn changes(global: &Global, api: &Api, command: ChangesCommand) -> anyhow::Result<Outcome> {
    match command {
        ChangesCommand::Show { id } => {
            let change = api.get(&format!("/changes/{id}")).await?;
            show_change(global, &change)?;
            if !global.json {
                output::json(change.get("body").unwrap_or(&Value::Null))?;
            }
            Ok(Outcome::Done)
        }
        ChangesCommand::List => {
            let all = api.list("/changes").await?;
            table(
                global,
                &all,
                &["id", "status", "what", "by", "signed by", "needs"],
                "no changes",
                |change| {
                    vec![
                        text(change, "/id"),
                        text(change, "/status"),
                        describe(change),
                        text(change, "/proposer_name"),
                        list(change, "/signed_by"),
                        text(change, "/missing"),
                    ]
                },
            )
        }
    }
}

async fn resources(
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
        ResourcesCommand::Kinds => super::kinds::show(global, &api.get("/kinds").await?),
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

async fn identities(
    global: &Global,
    api: &Api,
    command: IdentitiesCommand,
) -> anyhow::Result<Outcome> {
    match command {
        IdentitiesCommand::Add {
            name,
            kind,
            roles,
            owner,
            span,
            enroll,
        } => {
            let body = json!({
                "name": name,
                "kind": word(&kind),
                "roles": roles.iter().map(word).collect::<Vec<_>>(),
                "owner": owner,
                "ends_in_secs": span.map(|span| span.0.as_secs()),
            });
            let mut change = api.post("/identities", &body).await?;
            if !enroll && let Value::Object(fields) = &mut change {
                fields.remove("enrolment_token");
            }
            let outcome = show_change(global, &change)?;
            if outcome == Outcome::Pending && !global.json {
                output::line(format!(
                    "next       once it is signed: portcullis identities enroll {name}"
                ))?;
            }
            Ok(outcome)
        }
        IdentitiesCommand::List => {
            let all = api.list("/identities").await?;
            let headings = ["name", "kind", "roles", "active", "owner", "methods"];
            table(global, &all, &headings, "nobody", |identity| {
                vec![
                    text(identity, "/name"),
                    text(identity, "/kind"),
                    list(identity, "/roles"),
                    text(identity, "/active"),
                    text(identity, "/owner_name"),
                    list(identity, "/methods"),
                ]
            })
        }
        IdentitiesCommand::Show { name } => {
            let all = api.list("/identities").await?;
            let found = all
                .as_array()
                .into_iter()
                .flatten()
                .find(|identity| text(identity, "/name") == name);
            show_record(
                global,
                found.with_context(|| format!("there is no identity {name}"))?,
            )
        }
        IdentitiesCommand::Enroll { name } => {
            let answer = api
                .post(&format!("/identities/{name}/enroll"), &json!({}))
                .await?;
            if global.json {
                output::json(&answer)?;
            } else {
                output::line(text(&answer, "/token"))?;
            }
            Ok(Outcome::Done)
        }
        IdentitiesCommand::Remove { name } => show_change(
            global,
            &api.post(&format!("/identities/{name}/suspend"), &json!({}))
                .await?,
        ),
    }
}

/// A choice as the server spells it.
fn word<T: ValueEnum>(value: &T) -> String {
    value
        .to_possible_value()
        .map_or_else(String::new, |value| value.get_name().to_owned())
}

async fn groups(global: &Global, api: &Api, command: GroupsCommand) -> anyhow::Result<Outcome> {
    match command {
        GroupsCommand::Add {
            name,
            path,
            members,
        } => {
            let body = json!({ "name": name, "path": word(&path), "members": members });
            show_change(global, &api.post("/groups", &body).await?)
        }
        GroupsCommand::List => {
            let mut all = api.list("/groups").await?;
            for group in all.as_array_mut().into_iter().flatten() {
                if !global.json {
                    tell_names(api, group, "/members").await?;
                }
            }
            table(
                global,
                &all,
                &["name", "path", "members"],
                "no groups",
                |group| {
                    vec![
                        text(group, "/name"),
                        text(group, "/path"),
                        list(group, "/members"),
                    ]
                },
            )
        }
        GroupsCommand::Show { name } => {
            let all = api.list("/groups").await?;
            let found = all
                .as_array()
                .into_iter()
                .flatten()
                .find(|group| text(group, "/name") == name);
            show_record(
                global,
                found.with_context(|| format!("there is no group {name}"))?,
            )
        }
        GroupsCommand::Remove { name } => {
            show_change(global, &api.delete(&format!("/groups/{name}")).await?)
        }
    }
}

async fn secrets(global: &Global, api: &Api, command: SecretsCommand) -> anyhow::Result<Outcome> {
    match command {
        SecretsCommand::Add { name, kind, file } => {
            let file = file.unwrap_or_else(|| PathBuf::from("-"));
            let value = secret_file::read(&file)?;
            let body = json!({ "name": name, "kind": word(&kind), "value": value.expose() });
            show_change(global, &api.post("/secrets", &body).await?)
        }
        SecretsCommand::List => {
            let all = api.list("/secrets").await?;
            let headings = [
                "name",
                "kind",
                "version",
                "released",
                "last released",
                "rotated",
            ];
            table(global, &all, &headings, "no secrets", |secret| {
                vec![
                    text(secret, "/name"),
                    text(secret, "/secret_kind"),
                    text(secret, "/version"),
                    text(secret, "/released"),
                    when(secret, "/released_at"),
                    when(secret, "/rotated_at"),
                ]
            })
        }
        SecretsCommand::Rotate { name, give_up } => rotate(global, api, &name, give_up).await,
        SecretsCommand::Verify { name } => {
            let path = format!("/secrets/{name}/verify");
            let verified = api.post(&path, &json!({})).await?;
            if global.json {
                output::json(&verified)?;
            }
            anyhow::ensure!(
                text(&verified, "/accepted") == "true",
                "the target does not accept {name} as the vault has it; see secrets show {name}"
            );
            if !global.json {
                output::line(format!("the target accepts {name}"))?;
            }
            Ok(Outcome::Done)
        }
        SecretsCommand::Show { name } => show_record(global, &find_secret(api, &name).await?),
    }
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

/// Begins a rotation and waits until it came through, or failed once: it goes on by itself.
async fn rotate(global: &Global, api: &Api, name: &str, give_up: bool) -> anyhow::Result<Outcome> {
    let path = if give_up {
        format!("/secrets/{name}/rotation/abandon")
    } else {
        format!("/secrets/{name}/rotate")
    };
    let mut secret = api.post(&path, &json!({})).await?;
    while !text(&secret, "/rotation/version").is_empty()
        && text(&secret, "/rotation/seen").is_empty()
    {
        tokio::time::sleep(ROTATION_POLL).await;
        secret = find_secret(api, name).await?;
    }
    if global.json {
        output::json(&secret)?;
    }
    let seen = text(&secret, "/rotation/seen");
    if !seen.is_empty() {
        anyhow::bail!(
            "{seen}; it is tried again at {}",
            when(&secret, "/rotation/next_at")
        );
    }
    if !global.json {
        let version = text(&secret, "/version");
        output::line(if give_up {
            format!("{name} stays at version {version}")
        } else {
            format!(
                "{name} is at version {version}: the target accepts it and refuses the one before"
            )
        })?;
    }
    Ok(Outcome::Done)
}

async fn find_secret(api: &Api, name: &str) -> anyhow::Result<Value> {
    let all = api.list("/secrets").await?;
    let found = all
        .as_array()
        .into_iter()
        .flatten()
        .find(|secret| text(secret, "/name") == name);
    found
        .cloned()
        .with_context(|| format!("there is no secret {name}; see secrets list"))
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
