//! What an action can do and what surrounds it, as the context that policies see.

use cedar_policy::{Context, RestrictedExpression};
use portcullis_model::{Amount, Controls, Disclosure, Impact, Scope, Timestamp};

use crate::entities::{number, text, texts, told};
use crate::query::Query;
use crate::vocabulary::Vocabulary;

type Pair = (String, RestrictedExpression);

/// All of a question's context but the controls, which the search for the weakest profile varies.
pub(crate) fn fixed(vocabulary: &Vocabulary, query: &Query<'_>) -> Result<Vec<Pair>, String> {
    let params: Vec<String> = query
        .action
        .params
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let action = record([
        ("name", text(&query.action.name)),
        ("params", texts(params.iter().map(String::as_str))),
    ])?;
    Ok(vec![
        ("impact".to_owned(), impact(query.impact)?),
        ("action".to_owned(), action),
        ("subject".to_owned(), subject(vocabulary, query)?),
        ("now".to_owned(), moment(query.now)?),
    ])
}

/// The whole context, under one profile of controls.
pub(crate) fn under(fixed: &[Pair], controls: Controls) -> Result<Context, String> {
    let controls = record([
        ("brokered", truth(controls.brokered)),
        ("recording", truth(controls.recording)),
        ("mfa", truth(controls.mfa)),
        ("approvals", number(u64::from(controls.approvals))),
    ])?;
    context(
        fixed
            .iter()
            .cloned()
            .chain([("controls".to_owned(), controls)]),
    )
}

/// What the line sees beside the facts.
pub(crate) fn of_line(judged: &Impact, brokered: bool) -> Result<Context, String> {
    context([
        ("impact".to_owned(), impact(judged)?),
        ("brokered".to_owned(), truth(brokered)),
    ])
}

fn context(pairs: impl IntoIterator<Item = Pair>) -> Result<Context, String> {
    Context::from_pairs(pairs).map_err(|error| told(&error))
}

fn impact(impact: &Impact) -> Result<RestrictedExpression, String> {
    let discloses = disclosure(impact.discloses);
    let amount = amount(impact.amount);
    let scope = scope(impact.scope);
    record([
        ("changes_state", truth(impact.changes_state)),
        ("discloses", text(discloses.0)),
        ("discloses_level", number(discloses.1)),
        ("amount", text(amount.0)),
        ("amount_level", number(amount.1)),
        ("alters_security", truth(impact.alters_security)),
        ("degrades_service", truth(impact.degrades_service)),
        ("reversible", truth(impact.reversible)),
        ("scope", text(scope.0)),
        ("scope_level", number(scope.1)),
    ])
}

fn subject(vocabulary: &Vocabulary, query: &Query<'_>) -> Result<RestrictedExpression, String> {
    let chain = || query.on_behalf_of.iter().chain([query.subject]);
    let everybody = chain()
        .map(|identity| RestrictedExpression::new_entity_uid(vocabulary.identity(identity.id)));
    record([
        ("chain", RestrictedExpression::new_set(everybody)),
        (
            "kinds",
            texts(chain().map(|identity| identity.kind.as_str())),
        ),
        (
            "depth",
            number(u64::try_from(query.on_behalf_of.len()).unwrap_or(u64::MAX)),
        ),
    ])
}

fn moment(now: Timestamp) -> Result<RestrictedExpression, String> {
    let seconds = now.as_secs();
    let days = seconds / 86_400;
    record([
        ("seconds", number(seconds)),
        ("hour", number(seconds / 3_600 % 24)),
        // 1 January 1970 was a Thursday, the fourth day.
        ("weekday", number((days + 3) % 7 + 1)),
    ])
}

fn record<const N: usize>(
    pairs: [(&str, RestrictedExpression); N],
) -> Result<RestrictedExpression, String> {
    let named = pairs.map(|(name, value)| (name.to_owned(), value));
    RestrictedExpression::new_record(named).map_err(|error| told(&error))
}

fn truth(value: bool) -> RestrictedExpression {
    RestrictedExpression::new_bool(value)
}

/// The word and the rank of a disclosure.
pub(crate) const fn disclosure(disclosure: Disclosure) -> (&'static str, u64) {
    match disclosure {
        Disclosure::None => ("none", 0),
        Disclosure::Internal => ("internal", 1),
        Disclosure::Sensitive => ("sensitive", 2),
        Disclosure::Secret => ("secret", 3),
    }
}

/// The word and the rank of an amount.
pub(crate) const fn amount(amount: Amount) -> (&'static str, u64) {
    match amount {
        Amount::None => ("none", 0),
        Amount::Bounded => ("bounded", 1),
        Amount::Unbounded => ("unbounded", 2),
    }
}

/// The word and the rank of a scope.
pub(crate) const fn scope(scope: Scope) -> (&'static str, u64) {
    match scope {
        Scope::None => ("none", 0),
        Scope::Record => ("record", 1),
        Scope::Object => ("object", 2),
        Scope::Resource => ("resource", 3),
        Scope::Estate => ("estate", 4),
    }
}
