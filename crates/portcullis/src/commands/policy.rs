//! Policy bundles: checking, explaining, proposing, signing.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use anyhow::{Context, bail};
use portcullis_engine::read_bundle;
use portcullis_policy::{Bundle, Preset, shipped};
use serde_json::{Value, json};

use super::access::{show_preview, wish_body};
use super::administration::{show_change, sign_change};
use crate::args::Global;
use crate::args::access::ApproveArgs;
use crate::args::auditing::PolicyCommand;
use crate::client::{Api, ApiError};
use crate::outcome::{Outcome, Stuck, Usage};
use crate::output::{self, text};

/// The deepest a bundle's folders go.
const DEEPEST: usize = 3;

/// Runs one of them.
pub(crate) async fn run(global: &Global, command: PolicyCommand) -> anyhow::Result<Outcome> {
    match command {
        PolicyCommand::Check { policies } => check(global, policies.as_deref()).await,
        PolicyCommand::Explain(wish) => {
            let explained = Api::signed_in(global)?
                .post("/preview", &wish_body(&wish))
                .await?;
            let outcome = show_preview(global, &explained)?;
            if !global.json {
                show_policies(&explained)?;
            }
            Ok(outcome)
        }
        PolicyCommand::Propose { policies } => {
            let files: BTreeMap<String, String> = read(&policies)?
                .into_iter()
                .map(|(path, bytes)| {
                    Ok((
                        path.clone(),
                        String::from_utf8(bytes).with_context(|| format!("{path} is not text"))?,
                    ))
                })
                .collect::<anyhow::Result<_>>()?;
            let proposal = Api::signed_in(global)?
                .post("/policy/proposals", &json!({ "files": files }))
                .await?;
            let change = proposal.get("change").cloned().unwrap_or(Value::Null);
            if !global.json {
                output::line(format!(
                    "this change {}",
                    kind_in_words(&text(&proposal, "/kind"))
                ))?;
            }
            show_change(global, &change)
        }
        PolicyCommand::Sign { id } => {
            let api = Api::signed_in(global)?;
            let args = ApproveArgs {
                id,
                digest: None,
                reason: None,
            };
            sign_change(global, &api, &args).await
        }
        PolicyCommand::Show { out } => show(global, out.as_deref()).await,
        PolicyCommand::Line => {
            let table = shipped(Preset::Strict)?.truth_table();
            if global.json {
                output::json(&json!({ "truth_table": table.trim_end() }))?;
            } else {
                output::line(table.trim_end())?;
            }
            Ok(Outcome::Done)
        }
    }
}

fn kind_in_words(kind: &str) -> &'static str {
    match kind {
        "adds_forbid_outside_line" => {
            "only adds forbids outside the line: one owner's signature activates it"
        }
        _ => "may widen access: an owner of each role has to sign, all different people",
    }
}

/// The policies that decided, with what they say of themselves.
fn show_policies(explained: &Value) -> anyhow::Result<()> {
    output::line("policies")?;
    let policies = explained.get("policies").and_then(Value::as_array);
    for policy in policies.into_iter().flatten() {
        output::line(format!("           {}", text(policy, "/id")))?;
        for told in ["/title", "/reason"].map(|pointer| text(policy, pointer)) {
            if !told.is_empty() {
                output::line(format!("             {told}"))?;
            }
        }
    }
    Ok(())
}

async fn check(global: &Global, policies: Option<&Path>) -> anyhow::Result<Outcome> {
    let (which, bundle) = match policies {
        Some(folder) => {
            let bundle = read_bundle(read(folder)?).await??;
            (format!("the bundle in {}", folder.display()), bundle)
        }
        None => active_or_shipped(global).await?,
    };
    if global.json {
        output::json(&json!({
            "checked": which, "digest": bundle.digest(), "line": bundle.line_digest(),
        }))?;
    } else {
        output::line(format!(
            "{which} is valid\ndigest  {}\nline    {}",
            bundle.digest(),
            bundle.line_digest()
        ))?;
    }
    Ok(Outcome::Done)
}

/// The bundle that is active at the server somebody is signed in to; where nobody is, the shipped one. Which one it is, is
/// said.
async fn active_or_shipped(global: &Global) -> anyhow::Result<(String, Bundle)> {
    let ours = |why| {
        let which = format!("the shipped bundle ({why})");
        Ok((which, shipped(Preset::Strict)?))
    };
    let unsaid = global.identity.is_none() && global.server.is_none();
    let api = match Api::signed_in(global) {
        Ok(api) => api,
        Err(error) if unsaid && (error.is::<Stuck>() || error.is::<Usage>()) => {
            return ours("you are signed in to no server");
        }
        Err(error) => return Err(error),
    };
    let active = match api.get("/policy").await {
        Ok(active) => active,
        Err(ApiError::Problem(problem)) if problem.status == 401 => {
            return ours("your sign-in ended");
        }
        Err(error) => return Err(error.into()),
    };
    let files = active.get("files").and_then(Value::as_object);
    let files = files.into_iter().flatten().map(|(path, content)| {
        let content = content.as_str().unwrap_or_default();
        (path.clone(), content.as_bytes().to_vec())
    });
    let bundle = read_bundle(files.collect()).await??;
    let told = text(&active, "/digest");
    if bundle.digest().to_string() != told {
        bail!(
            "{} says that its active bundle is {told}, and hands out another",
            api.server()
        );
    }
    Ok((format!("the active bundle of {}", api.server()), bundle))
}

async fn show(global: &Global, out: Option<&Path>) -> anyhow::Result<Outcome> {
    let active = Api::signed_in(global)?.get("/policy").await?;
    let Some(out) = out else {
        if global.json {
            output::json(&active)?;
        } else {
            output::line(format!(
                "digest  {}\nline    {}",
                text(&active, "/digest"),
                text(&active, "/line")
            ))?;
        }
        return Ok(Outcome::Done);
    };
    let mut written = Vec::new();
    for (path, content) in active
        .get("files")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let path = out.join(inside(path)?);
        std::fs::create_dir_all(path.parent().unwrap_or(out))?;
        std::fs::write(&path, content.as_str().unwrap_or_default())
            .with_context(|| format!("writing {}", path.display()))?;
        written.push(path);
    }
    if global.json {
        output::json(&json!({ "files": written }))?;
    }
    Ok(Outcome::Done)
}

/// A name that a server gave, if it leads nowhere but into the folder it is put in.
fn inside(name: &str) -> anyhow::Result<&Path> {
    let path = Path::new(name);
    let mut parts = path.components();
    if !name.is_empty() && parts.all(|part| matches!(part, Component::Normal(_))) {
        return Ok(path);
    }
    bail!("the server names a file of its bundle {name:?}: that leads out of the folder")
}

/// Reads a bundle's folder.
fn read(folder: &Path) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    collect(folder, "", DEEPEST, &mut files)?;
    if files.is_empty() {
        bail!("{} holds no bundle", folder.display());
    }
    Ok(files)
}

fn collect(
    folder: &Path,
    prefix: &str,
    depth: usize,
    files: &mut BTreeMap<String, Vec<u8>>,
) -> anyhow::Result<()> {
    if depth == 0 {
        bail!("{} goes deeper than any bundle does", folder.display());
    }
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if prefix.is_empty() {
            name
        } else {
            format!("{prefix}/{name}")
        };
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &path, depth - 1, files)?;
        } else {
            let bytes = std::fs::read(entry.path()).with_context(|| format!("reading {path}"))?;
            files.insert(path, bytes);
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn no_file_of_a_bundle_leads_out_of_the_folder_it_is_put_in() {
        for good in ["line.cedar", "path/ordinary/base.cedar"] {
            assert_eq!(inside(good).unwrap(), Path::new(good));
        }
        for bad in ["", "/etc/cron.d/x", "../x", "a/../../x", "./x", "a/.."] {
            assert!(inside(bad).is_err(), "{bad}");
        }
    }
}
