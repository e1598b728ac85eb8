//! From files to a bundle: parse, name, validate in strict mode, sort into the sets that are asked.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::ffi::DetailedError;
use cedar_policy::{Effect, Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator};
use portcullis_model::{Digest, Path};

use super::error::{BundleError, Cause, MOST_PROBLEMS, Problem};
use super::layout::{Folder, SCHEMA, flows_file, texts};
use super::{Bundle, PathSet, flows, limits};
use crate::query::PolicyAction;
use crate::question;
use crate::vocabulary::Vocabulary;

type Texts<'a> = BTreeMap<&'a str, &'a str>;

pub(super) fn compile(files: BTreeMap<String, Vec<u8>>) -> Result<Bundle, BundleError> {
    limits::sizes(&files)?;
    let texts = texts(&files)?;
    limits::shapes(&texts)?;
    let schema = schema(&texts)?;
    let vocabulary = vocabulary(&schema)
        .map_err(|told| Problem::whole_file(SCHEMA, Cause::SchemaMismatch(told)))?;
    let mut problems = Vec::new();
    let mut policies = BTreeMap::new();
    for (file, text) in &texts {
        if Folder::of(file).is_some() {
            match parse(file, text) {
                Ok(parsed) => drop(policies.insert((*file).to_owned(), parsed)),
                Err(found) => problems.extend(found),
            }
        }
    }
    let mut flows_of = |path| {
        let file = flows_file(path);
        flows::parse(file, texts.get(file).copied().unwrap_or_default()).unwrap_or_else(|found| {
            problems.extend(found);
            Vec::new()
        })
    };
    let (ordinary, privileged) = (flows_of(Path::Ordinary), flows_of(Path::Privileged));
    let questions = schema.request_envs().take(limits::MOST_CHECKS + 1).count();
    let checks = questions.saturating_mul(policies.values().map(Vec::len).sum());
    limits::within(
        "the bundle",
        "policies times questions that its schema lets be asked",
        checks,
        limits::MOST_CHECKS,
    )?;
    problems.extend(validate(&policies, &texts, &schema));
    BundleError::check(problems)?;
    BundleError::check(misplaced(&policies, &texts, &schema, &vocabulary))?;
    Ok(Bundle {
        digest: digest_of(&texts, |_| true),
        line_digest: digest_of(&texts, |file| Folder::of(file) == Some(Folder::Line)),
        line: set_of(&policies, &[Folder::Line])?,
        ordinary: PathSet {
            policies: set_of(
                &policies,
                &[Folder::Path(Path::Ordinary), Folder::Guardrails],
            )?,
            flows: ordinary,
        },
        privileged: PathSet {
            policies: set_of(
                &policies,
                &[Folder::Path(Path::Privileged), Folder::Guardrails],
            )?,
            flows: privileged,
        },
        schema,
        vocabulary,
        policies,
        files,
    })
}

/// The digest over path and content of the chosen files, in the order of their paths.
fn digest_of(texts: &Texts<'_>, chosen: impl Fn(&str) -> bool) -> Digest {
    let mut list = Vec::new();
    for (file, text) in texts.iter().filter(|(file, _)| chosen(file)) {
        // Both as digests: of fixed length, so that nothing can move from one to the other.
        list.extend_from_slice(Digest::of_bytes(file.as_bytes()).as_bytes());
        list.extend_from_slice(Digest::of_bytes(text.as_bytes()).as_bytes());
    }
    Digest::of_bytes(&list)
}

fn schema(texts: &Texts<'_>) -> Result<Schema, BundleError> {
    let text = texts.get(SCHEMA).copied().unwrap_or_default();
    let (schema, warnings) = Schema::from_cedarschema_str(text).map_err(|error| {
        Problem::from_cedar(SCHEMA, text, DetailedError::from(&error), Cause::Schema)
    })?;
    let doubts = warnings.map(|warning| {
        Problem::from_cedar(SCHEMA, text, DetailedError::from(&warning), Cause::Schema)
    });
    BundleError::check(doubts.collect())?;
    Ok(schema)
}

/// The vocabulary, when every question that will be asked fits the schema.
fn vocabulary(schema: &Schema) -> Result<Vocabulary, String> {
    let vocabulary = Vocabulary::new()?;
    question::fit(schema, &vocabulary)?;
    Ok(vocabulary)
}

/// The policies of one file in their order, named `FILE#ID`: by `@id`, or by their number from 1.
fn parse(file: &str, text: &str) -> Result<Vec<Policy>, Vec<Problem>> {
    let set: PolicySet = text.parse().map_err(|errors: cedar_policy::ParseErrors| {
        let problem =
            |error| Problem::from_cedar(file, text, DetailedError::from(error), Cause::Syntax);
        let told = errors.iter().take(MOST_PROBLEMS).map(problem);
        told.collect::<Vec<_>>()
    })?;
    let mut problems = Vec::new();
    for template in set.templates() {
        let offset = offset_of(text, &template.to_cedar());
        let slots: Vec<String> = template.slots().map(ToString::to_string).collect();
        problems.push(Problem::at(
            file,
            text,
            offset,
            Cause::Template(slots.join(", ")),
        ));
    }
    let mut found: Vec<&Policy> = set.policies().collect();
    // The parser numbers them policy0, policy1, …: shorter numbers first keeps their order.
    found.sort_by_key(|policy| (policy.id().to_string().len(), policy.id().to_string()));
    let mut names = BTreeSet::new();
    let mut policies = Vec::new();
    for (place, policy) in found.into_iter().enumerate() {
        let number = (place + 1).to_string();
        let name = policy.annotation("id").unwrap_or(&number).to_owned();
        policies.push(policy.new_id(PolicyId::new(format!("{file}#{name}"))));
        if !names.insert(name.clone()) {
            let offset = last_offset_of(text, &source(policy));
            problems.push(Problem::at(file, text, offset, Cause::DuplicateId(name)));
        }
    }
    if problems.is_empty() {
        Ok(policies)
    } else {
        Err(problems)
    }
}

/// A policy as it was written.
pub(super) fn source(policy: &Policy) -> String {
    policy.to_cedar().unwrap_or_default()
}

fn offset_of(text: &str, part: &str) -> usize {
    text.find(part).unwrap_or_default()
}

fn last_offset_of(text: &str, part: &str) -> usize {
    text.rfind(part).unwrap_or_default()
}

/// What does not fit the schema in strict mode. A warning counts too: each says that a policy reads
/// differently from how it works.
fn validate(
    policies: &BTreeMap<String, Vec<Policy>>,
    texts: &Texts<'_>,
    schema: &Schema,
) -> Vec<Problem> {
    let validator = Validator::new(schema.clone());
    let mut problems = Vec::new();
    for (file, policies) in policies {
        let text = texts.get(file.as_str()).copied().unwrap_or_default();
        let Ok(set) = PolicySet::from_policies(policies.iter().cloned()) else {
            continue;
        };
        let result = validator.validate(&set, ValidationMode::Strict);
        let errors = result
            .validation_errors()
            .map(|error| (error.policy_id(), DetailedError::from(error)));
        let warnings = result
            .validation_warnings()
            .map(|warning| (warning.policy_id(), DetailedError::from(warning)));
        let told = errors.chain(warnings).take(MOST_PROBLEMS);
        problems.extend(told.map(|(id, found)| {
            let policy = id.to_string();
            Problem::from_cedar(file, text, found, |told| Cause::Invalid { policy, told })
        }));
    }
    problems
}

/// Policies that are valid but can do nothing, or too much, where they stand.
fn misplaced(
    policies: &BTreeMap<String, Vec<Policy>>,
    texts: &Texts<'_>,
    schema: &Schema,
    vocabulary: &Vocabulary,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (file, policies) in policies {
        let Some(folder) = Folder::of(file) else {
            continue;
        };
        let text = texts.get(file.as_str()).copied().unwrap_or_default();
        let asked = asked_in(folder);
        for policy in policies {
            let offset = offset_of(text, &source(policy));
            let id = policy.id().to_string();
            if folder == Folder::Guardrails && policy.effect() == Effect::Permit {
                let cause = Cause::PermitInGuardrails(id.clone());
                problems.push(Problem::at(file, text, offset, cause));
            }
            let applies = policy.get_valid_request_envs(schema).any(|env| {
                asked
                    .iter()
                    .any(|name| *env.action() == vocabulary.action_named(name))
            });
            if !applies {
                let cause = Cause::NeverAsked {
                    policy: id,
                    folder: folder.as_str(),
                    asked: asked.join(", "),
                };
                problems.push(Problem::at(file, text, offset, cause));
            }
        }
    }
    problems
}

/// The names of the actions that a folder's policies are asked about.
fn asked_in(folder: Folder) -> Vec<&'static str> {
    let of_paths = PolicyAction::ALL
        .into_iter()
        .filter(|action| match folder {
            Folder::Line => false,
            Folder::Path(path) => action.path() == path,
            Folder::Guardrails | Folder::Invariants => true,
        })
        .map(PolicyAction::as_str);
    let of_line = matches!(folder, Folder::Line | Folder::Invariants).then_some(Vocabulary::LINE);
    of_paths.chain(of_line).collect()
}

/// The set of all policies in some folders.
fn set_of(
    policies: &BTreeMap<String, Vec<Policy>>,
    folders: &[Folder],
) -> Result<PolicySet, BundleError> {
    let mut set = PolicySet::new();
    for (file, policies) in policies {
        if Folder::of(file).is_some_and(|folder| folders.contains(&folder)) {
            for policy in policies {
                set.add(policy.clone())
                    .map_err(|error| Problem::whole_file(file, Cause::Syntax(error.to_string())))?;
            }
        }
    }
    Ok(set)
}
