//! Policy bundles: the least there is, with one file in another's words. The first line is the file's path, the rest its
//! text.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use portcullis_model::{Environment, Impact, Sensitivity};
use portcullis_policy::{Bundle, LineQuery, Preset, change_kind, shipped};

use crate::fixed::made;

/// The shipped one without its policies but for the line: quick to read.
static LEAST: LazyLock<Bundle> = LazyLock::new(|| {
    let shipped = made(shipped(Preset::Strict));
    let mut files = shipped.files().clone();
    let needed = ["schema.", "line/", "ordinary/flows.", "privileged/flows."];
    files.retain(|path, _| needed.iter().any(|begins| path.starts_with(begins)));
    made(Bundle::from_files(files))
});

pub(crate) fn check(bytes: &[u8]) {
    let (path, text) = match bytes.iter().position(|byte| *byte == b'\n') {
        Some(at) => bytes.split_at(at),
        None => (bytes, &[][..]),
    };
    let path = String::from_utf8_lossy(path).into_owned();
    let text = text.strip_prefix(b"\n").unwrap_or(text).to_vec();
    let mut files: BTreeMap<String, Vec<u8>> = LEAST.files().clone();
    files.insert(path.clone(), text);
    match Bundle::from_files(files) {
        Ok(bundle) => accepted(&bundle, &path),
        Err(error) => assert!(!error.problems().is_empty() && !error.to_string().is_empty()),
    }
}

/// What is accepted is the same when it is read again, another one by its digest with a single byte more, and draws its
/// line without failing.
fn accepted(bundle: &Bundle, path: &str) {
    let mut files = bundle.files().clone();
    let again = Bundle::from_files(files.clone()).ok();
    assert_eq!(again.map(|again| again.digest()), Some(bundle.digest()));
    files.entry(path.to_owned()).or_default().push(b'\n');
    let longer = Bundle::from_files(files).ok();
    assert_ne!(longer.map(|longer| longer.digest()), Some(bundle.digest()));
    let same = bundle.digest() == LEAST.digest();
    assert_eq!(same, bundle.files() == LEAST.files());
    let _ = change_kind(&LEAST, bundle);
    let worst = Impact::worst();
    let _ = bundle.line(&LineQuery {
        impact: &worst,
        brokered: false,
        environment: Environment::Production,
        sensitivity: Sensitivity::Secret,
    });
}

#[cfg(test)]
pub(crate) fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let shipped = shipped(Preset::Strict).unwrap();
    let file = |path: &str| {
        let text = shipped.files()[path].clone();
        [path.as_bytes(), b"\n", &text].concat()
    };
    vec![
        ("schema", file("schema.cedarschema")),
        ("line", file("line/strict.cedar")),
        ("guardrails", file("guardrails/entitlements.cedar")),
        ("sessions", file("privileged/sessions.cedar")),
        ("flows", file("privileged/flows.toml")),
        ("small", b"ordinary/small.cedar\n@id(\"x\")\npermit (principal in Portcullis::Group::\"ops\", action == Portcullis::Action::\"run_task\", resource) when { !context.impact.changes_state };\n".to_vec()),
    ]
}
