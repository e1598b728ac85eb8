//! The approval flows of one path, read from its `flows.toml`.

use std::collections::BTreeSet;

use portcullis_model::{ApprovalFlow, Controls};
use serde::Deserialize;
use toml::Spanned;

use super::error::{Cause, MOST_PROBLEMS, Problem};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FlowsFile {
    #[serde(default)]
    flow: Vec<Spanned<ApprovalFlow>>,
}

/// Reads the flows, sorted by level: level 0, which asks nobody, and exactly one for every level from 1
/// to [`Controls::MOST_APPROVALS`], so that whatever level a policy asks for, somebody can meet it.
pub(super) fn parse(file: &str, text: &str) -> Result<Vec<ApprovalFlow>, Vec<Problem>> {
    let read: FlowsFile = toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        vec![problem(file, text, offset, error.message())]
    })?;
    let mut problems = Vec::new();
    let (mut names, mut levels) = (BTreeSet::new(), BTreeSet::new());
    for spanned in &read.flow {
        if problems.len() >= MOST_PROBLEMS {
            break;
        }
        let flow = spanned.get_ref();
        let mut complaints = faults(flow);
        if !names.insert(&flow.name) {
            complaints.push(format!(
                "a second flow is called {:?}; name it anew",
                flow.name
            ));
        }
        if !levels.insert(flow.level) {
            complaints.push(format!(
                "a second flow meets level {}; keep one",
                flow.level
            ));
        }
        let offset = spanned.span().start;
        problems.extend(
            complaints
                .iter()
                .take(MOST_PROBLEMS)
                .map(|told| problem(file, text, offset, told)),
        );
    }
    for level in (1..=Controls::MOST_APPROVALS).filter(|level| !levels.contains(level)) {
        let told =
            format!("no flow meets approval level {level}; add a [[flow]] with level = {level}");
        problems.push(problem(file, text, text.len(), &told));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let nobody = (!levels.contains(&0)).then(|| ApprovalFlow {
        name: "nobody".to_owned(),
        level: 0,
        stages: Vec::new(),
    });
    let written = read.flow.into_iter().map(Spanned::into_inner);
    let mut flows: Vec<ApprovalFlow> = written.chain(nobody).collect();
    flows.sort_by_key(|flow| flow.level);
    Ok(flows)
}

fn problem(file: &str, text: &str, offset: usize, told: &str) -> Problem {
    Problem::at(file, text, offset, Cause::Flow(told.to_owned()))
}

/// What is wrong with one flow by itself.
fn faults(flow: &ApprovalFlow) -> Vec<String> {
    let mut found = Vec::new();
    let name = &flow.name;
    if name.is_empty() {
        found.push("it has no name; give it one that approvers will understand".to_owned());
    }
    if flow.level > Controls::MOST_APPROVALS {
        let most = Controls::MOST_APPROVALS;
        found.push(format!(
            "level {} is above the highest, {most}; lower it",
            flow.level
        ));
    }
    if flow.level == 0 && !flow.stages.is_empty() {
        found.push(format!(
            "{name:?} has level 0, which asks nobody; remove its stages or raise the level"
        ));
    }
    if flow.level > 0 && flow.stages.is_empty() {
        found.push(format!(
            "{name:?} has no stage, so it would ask nobody; add a [[flow.stages]]"
        ));
    }
    let mut names = BTreeSet::new();
    for stage in &flow.stages {
        if !names.insert(&stage.name) || stage.name.is_empty() {
            found.push(format!(
                "{name:?} needs a different name for each of its stages"
            ));
        }
        if stage.quorum == 0 {
            found.push(format!(
                "stage {:?} of {name:?} has quorum 0; at least one person must approve",
                stage.name
            ));
        }
        if stage.eligible.is_empty() {
            found.push(format!(
                "nobody is eligible in stage {:?} of {name:?}; name who may approve",
                stage.name
            ));
        }
    }
    found
}
