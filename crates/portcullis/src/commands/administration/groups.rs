//! Groups of identities.

use anyhow::Context;
use serde_json::json;

use super::{show_change, show_record, table, tell_names, word};
use crate::args::Global;
use crate::args::administration::GroupsCommand;
use crate::client::Api;
use crate::outcome::Outcome;
use crate::output::{list, text};

pub(super) async fn groups(
    global: &Global,
    api: &Api,
    command: GroupsCommand,
) -> anyhow::Result<Outcome> {
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
