//! Identities: who there is.

use anyhow::Context;
use serde_json::{Value, json};

use super::{show_change, show_record, table, word};
use crate::args::Global;
use crate::args::administration::{IdentitiesCommand, IdentityEditArgs};
use crate::client::Api;
use crate::outcome::Outcome;
use crate::output::{self, list, text};

pub(super) async fn identities(
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
        IdentitiesCommand::Edit(args) => edit(global, api, &args).await,
        IdentitiesCommand::Enroll { name } => {
            let answer = api
                .post(&format!("/identities/{name}/enroll"), &json!({}))
                .await?;
            if !text(&answer, "/status").is_empty() {
                // Whoever has enrolled before can be replaced by it: that is a change.
                return show_change(global, &answer);
            }
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

async fn edit(global: &Global, api: &Api, args: &IdentityEditArgs) -> anyhow::Result<Outcome> {
    let roles: Vec<_> = args.roles.iter().map(word).collect();
    let body = json!({
        "roles": (args.no_roles || !roles.is_empty()).then_some(roles),
        "owner": args.owner,
        "ends_in_secs": args.span.map(|span| span.0.as_secs()),
        "activate": args.activate,
    });
    let path = format!("/identities/{}/edit", args.name);
    show_change(global, &api.post(&path, &body).await?)
}
