//! `classify`: what actions can do, offline, one JSON string a line in and one JSON result a line out.

use std::io::BufRead;

use anyhow::Context;
use portcullis_model::{
    Action, Environment, Resource, ResourceId, Sensitivity, Timestamp, id::TypedId,
};
use portcullis_policy::{Bundle, LineQuery, Preset, shipped};
use serde_json::json;

use crate::args::auditing::{ClassifyArgs, LanguageArg};
use crate::outcome::Outcome;
use crate::output;

/// Runs it.
pub(crate) fn run(args: &ClassifyArgs) -> anyhow::Result<Outcome> {
    let bundle = shipped(Preset::Strict)?;
    for (number, line) in std::io::stdin().lock().lines().enumerate() {
        let place = || {
            format!(
                "line {}: not a JSON string: write \"ls -l\" with its quotes",
                number + 1
            )
        };
        let text: String = serde_json::from_str(&line.with_context(place)?).with_context(place)?;
        let action = match args.language {
            LanguageArg::Shell => Action::named("exec")
                .with("account", "nobody")
                .with("command", text),
        };
        output::json_line(&judge(&bundle, &action).to_string())?;
    }
    Ok(Outcome::Done)
}

/// Under the shipped line, with no facts about the resource.
fn judge(bundle: &Bundle, action: &Action) -> serde_json::Value {
    let classified = portcullis_classify::classify(action);
    let resource = Resource {
        id: ResourceId::from_parts(Timestamp::from_millis(0), [0; 10]),
        name: "unknown".to_owned(),
        kind: "unknown".to_owned(),
        environment: Environment::Production,
        sensitivity: Sensitivity::Internal,
        owners: std::collections::BTreeSet::new(),
        credential: None,
        settings: serde_json::Value::Null,
    };
    let path = bundle.line(&LineQuery::new(&classified.impact, true, &resource));
    json!({ "path": path, "impact": classified.impact, "reason": classified.reason })
}
