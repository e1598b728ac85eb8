//! What the events of an evidence file say, for who was not there: who did what, on what, on which path and why.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::output::{action, moment, quoted, span, text};

/// One line an event, in the order of the ledger. Names come from the records that the evidence carries.
pub(super) fn told(events: &[Value]) -> Vec<String> {
    let names = Names::of(events);
    let told = events.iter().map(|event| {
        let what = names.what(event);
        let line = format!(
            "{}  {:<22} {:<10} {what}{}",
            moment(event, "/at"),
            text(event, "/kind"),
            names.actor(event),
            undisclosed(event)
        );
        line.trim_end().to_owned()
    });
    told.collect()
}

/// What identities and resources are called, by their records.
struct Names(BTreeMap<String, String>);

impl Names {
    fn of(events: &[Value]) -> Self {
        let mut names = BTreeMap::new();
        for event in events {
            for record in ["/data/identity", "/data/resource"] {
                let name = text(event, &format!("{record}/name"));
                if !name.is_empty() {
                    names.insert(text(event, &format!("{record}/id")), name);
                }
            }
        }
        Self(names)
    }

    /// The name of what a field names; its identifier where the evidence carries no record of it.
    fn name(&self, event: &Value, pointer: &str) -> String {
        let id = text(event, pointer);
        self.0.get(&id).cloned().unwrap_or(id)
    }

    fn actor(&self, event: &Value) -> String {
        let name = self.name(event, "/actor");
        if name.is_empty() {
            "the server".to_owned()
        } else {
            name
        }
    }

    fn what(&self, event: &Value) -> String {
        match text(event, "/kind").as_str() {
            "request.submitted" => self.asked(event),
            "request.approved" => format!(
                "{}, digest {}",
                stage(event),
                text(event, "/data/digest")
                    .chars()
                    .take(12)
                    .collect::<String>()
            ),
            "request.voided" | "change.lapsed" => text(event, "/data/why"),
            "grant.issued" => format!(
                "{} holds {} on {} until {}",
                self.name(event, "/data/issue/intent/subject/identity"),
                action(event, "/data/issue/intent/action"),
                self.name(event, "/data/issue/intent/resource"),
                moment(event, "/data/issue/ends_at")
            ),
            "grant.assigning" => format!("account {}", text(event, "/data/account")),
            "grant.used" => text(event, "/data/session"),
            "grant.ending" => ending(event),
            "grant.removal_incomplete" => text(event, "/data/left"),
            "grant.removed" => "read back at the target: nothing is left".to_owned(),
            "session.opened" => format!(
                "{} on {} as {} from {}, with {}",
                action(event, "/data/opening/action"),
                self.name(event, "/data/opening/resource"),
                text(event, "/data/opening/account"),
                text(event, "/data/opening/source"),
                text(event, "/data/opening/credential")
            ),
            "session.head" => format!("tape: {} segments", text(event, "/data/head/segments")),
            "session.kill_ordered" => quoted(event, "/data/reason"),
            "session.ended" => text(event, "/data/ending/cause"),
            "identity.added" | "identity.set" => format!(
                "{} {}",
                text(event, "/data/identity/kind"),
                text(event, "/data/identity/name")
            ),
            "resource.added" | "resource.set" => format!(
                "{} {} ({})",
                text(event, "/data/resource/kind"),
                text(event, "/data/resource/name"),
                text(event, "/data/resource/environment")
            ),
            _ => String::new(),
        }
    }

    fn asked(&self, event: &Value) -> String {
        format!(
            "{} asks for {} on {} for {}: {}, because {}; {}",
            self.name(event, "/data/terms/intent/subject/identity"),
            action(event, "/data/terms/intent/action"),
            self.name(event, "/data/terms/intent/resource"),
            span(event, "/data/terms/span_secs"),
            text(event, "/data/terms/path"),
            text(event, "/data/terms/classified/reason"),
            impact(event)
        )
    }
}

/// The texts that stand beside the event and not in the file: ` (reason: committed, not disclosed)`.
fn undisclosed(event: &Value) -> String {
    let beside = event.pointer("/bodies").and_then(Value::as_array);
    let fields: Vec<_> = beside
        .into_iter()
        .flatten()
        .map(|body| text(body, "/field"))
        .collect();
    if fields.is_empty() {
        return String::new();
    }
    format!(" ({}: committed, not disclosed)", fields.join(", "))
}

fn stage(event: &Value) -> String {
    let stage = event.pointer("/data/stage").and_then(Value::as_u64);
    format!("stage {}", stage.unwrap_or(0).saturating_add(1))
}

fn ending(event: &Value) -> String {
    let why = text(event, "/data/cause/why").replace('_', " ");
    let cause = quoted(event, "/data/cause/cause");
    format!("{why} {cause}").trim_end().to_owned()
}

/// What it can do, as it was judged: `impact: changes state, discloses secret, …`.
fn impact(event: &Value) -> String {
    let impact = event.pointer("/data/terms/classified/impact");
    let fields = impact.and_then(Value::as_object);
    let words = fields.into_iter().flatten().filter_map(|(name, value)| {
        let name = name.replace('_', " ");
        match value {
            Value::Bool(true) => Some(name),
            Value::String(degree) if degree != "none" => Some(format!("{name} {degree}")),
            _ => None,
        }
    });
    let words: Vec<_> = words.collect();
    if words.is_empty() {
        "impact: none".to_owned()
    } else {
        format!("impact: {}", words.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_is_told_with_names_path_reason_and_impact() {
        let events = [
            json!({ "kind": "identity.added", "at": 0, "stream": "idn_1",
                "data": { "identity": { "id": "idn_1", "name": "rosa", "kind": "human" } } }),
            json!({ "kind": "resource.added", "at": 0, "stream": "res_1",
                "data": { "resource": { "id": "res_1", "name": "web-1", "kind": "ssh", "environment": "production" } } }),
            json!({ "kind": "request.submitted", "at": 1000, "stream": "req_1", "actor": "idn_1",
                "data": { "terms": {
                    "intent": { "subject": { "identity": "idn_1" }, "resource": "res_1",
                        "action": { "name": "shell", "params": { "account": "root" } } },
                    "path": "privileged", "span_secs": 900,
                    "classified": { "reason": "anything can be typed",
                        "impact": { "changes_state": true, "reversible": false, "discloses": "secret", "amount": "none" } },
                } } }),
            json!({ "kind": "request.denied", "at": 2000, "stream": "req_1", "actor": "idn_2", "data": {},
                "bodies": [{ "field": "reason", "commitment": "3f1c" }] }),
        ];
        let lines = told(&events);
        let asked = "rosa asks for shell account=root on web-1 for 15 min: privileged, because anything can be \
                     typed; impact: changes state, discloses secret";
        assert!(
            lines.get(2).is_some_and(|line| line.contains(asked)),
            "{lines:#?}"
        );
        assert!(!lines.get(2).is_some_and(|line| line.contains("committed")));
        // Who has no record in the evidence is named by the identifier; what is not in it is not passed over.
        let denied = lines.get(3).map(|line| {
            line.split_whitespace()
                .skip(2)
                .collect::<Vec<_>>()
                .join(" ")
        });
        assert_eq!(
            denied.as_deref(),
            Some("request.denied idn_2 (reason: committed, not disclosed)"),
            "{lines:#?}"
        );
    }
}
