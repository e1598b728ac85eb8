//! Bundles that are too large or too deep: refused before they are parsed, at any depth, and never by a crash.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    reason = "tests"
)]

mod world;

use portcullis_policy::bundle::Cause;
use portcullis_policy::bundle::limits::{
    DEEPEST, MOST_BYTES, MOST_DECLARATIONS, MOST_FILE_BYTES, MOST_FILES, MOST_OPERATORS,
    MOST_POLICIES,
};
use portcullis_policy::{Bundle, BundleError, Decision, PolicyAction};
use world::{World, appended, controls, files};

/// Where each text is put, how it nests, by its name.
type Nest = (&'static str, fn(usize) -> String);

const IN_POLICIES: [Nest; 8] = [
    ("parentheses", |depth| wrap("(", "true", ")", depth)),
    ("sets", |depth| wrap("[", "1", "]", depth) + " == [1]"),
    ("records", |depth| {
        wrap("{a: ", "1", "}", depth) + " == {a: 1}"
    }),
    ("then", |depth| {
        wrap("if true then ", "true", " else true", depth)
    }),
    ("else", |depth| {
        "if true then true else ".repeat(depth) + "true"
    }),
    ("attributes", |depth| {
        "context".to_owned() + &".a".repeat(depth)
    }),
    ("sums", |depth| "1 + ".repeat(depth) + "1 == 1"),
    ("ands", |depth| "true && ".repeat(depth) + "true"),
];

const IN_SCHEMAS: [Nest; 4] = [
    ("sets", |depth| {
        format!("type Deep = {};", wrap("Set<", "Long", ">", depth))
    }),
    ("records", |depth| {
        format!("type Deep = {};", wrap("{a: ", "Long", "}", depth))
    }),
    ("aliases", |depth| {
        let chain = (1..=depth).map(|n| format!("type T{n} = Set<T{}>;\n", n - 1));
        "type T0 = Long;\n".to_owned() + &chain.collect::<String>()
    }),
    ("doubled", |depth| {
        let chain = (1..=depth).map(|n| format!("type T{n} = {{a: T{0}, b: T{0}}};\n", n - 1));
        "type T0 = Long;\n".to_owned() + &chain.collect::<String>()
    }),
];

fn wrap(before: &str, inner: &str, after: &str, depth: usize) -> String {
    before.repeat(depth) + inner + &after.repeat(depth)
}

fn policy(condition: &str) -> String {
    format!("\nforbid (principal, action, resource) when {{ {condition} }};\n")
}

#[track_caller]
fn is_a_limit(what: &str, refused: &BundleError) {
    let cause = &refused.problems()[0].cause;
    let limit = matches!(cause, Cause::TooDeep | Cause::TooLarge { .. });
    assert!(limit, "{what}: {refused}");
}

#[test]
fn no_construct_of_a_policy_is_followed_to_any_depth() {
    for (name, nest) in IN_POLICIES {
        for depth in [MOST_OPERATORS + 1, 10_000, 100_000] {
            let what = format!("{depth} {name}");
            let text = policy(&nest(depth));
            is_a_limit(
                &what,
                &appended("guardrails/identities.cedar", &text).expect_err(&what),
            );
        }
    }
}

#[test]
fn no_type_of_a_schema_is_followed_to_any_depth_nor_written_out_to_any_size() {
    for (name, nest) in IN_SCHEMAS {
        for depth in [DEEPEST + 1, 1_000, 100_000] {
            let what = format!("{depth} {name}");
            let text = nest(depth);
            is_a_limit(
                &what,
                &appended("schema.cedarschema", &text).expect_err(&what),
            );
        }
    }
}

#[test]
fn a_schema_that_doubles_is_refused_though_it_is_neither_deep_nor_long() {
    let (_, doubled) = IN_SCHEMAS[3];
    let refused = appended("schema.cedarschema", &doubled(30)).unwrap_err();
    is_a_limit("doubled 30 times", &refused);
    appended("schema.cedarschema", &doubled(8)).unwrap();
}

#[test]
fn types_that_mean_each_other_are_refused() {
    let circle = "type A = Set<B>; type B = {a: A};";
    let refused = appended("schema.cedarschema", circle).unwrap_err();
    assert_eq!(refused.problems()[0].cause, Cause::Circle);
    // An attribute that is called like a type means nothing.
    appended(
        "schema.cedarschema",
        "type A = {A: Long, B?: Long}; type B = A;",
    )
    .unwrap();
}

#[test]
fn what_hides_brackets_from_a_careless_count_does_not_hide_them_here() {
    for hidden in ["// \r", "\"\\\"\" == \"(\" || ", "[] == [1] || ("] {
        let text = policy(&(hidden.to_owned() + &wrap("(", "true", ")", 1_000)));
        is_a_limit(hidden, &appended("line/strict.cedar", &text).unwrap_err());
    }
    // A closing bracket of another kind closes nothing.
    let crossed = policy(&("(] ".repeat(1_000) + "true" + &")".repeat(1_000)));
    is_a_limit(
        "crossed",
        &appended("line/strict.cedar", &crossed).unwrap_err(),
    );
}

#[test]
fn quoted_text_and_comments_may_hold_any_bracket() {
    let text = policy(&format!(
        "context.impact.scope == \"{}\"",
        "([{<".repeat(500)
    ));
    appended("guardrails/identities.cedar", &text).unwrap();
    let comment = format!("// {}\n", "([{<".repeat(500));
    appended("guardrails/identities.cedar", &comment).unwrap();
    appended("schema.cedarschema", &comment).unwrap();
}

#[test]
fn files_bytes_policies_declarations_and_questions_are_bounded() {
    let long = "x".repeat(MOST_FILE_BYTES);
    let many_bytes = (0..=MOST_BYTES / MOST_FILE_BYTES)
        .map(|n| (format!("line/l{n}.cedar"), vec![b' '; MOST_FILE_BYTES]));
    let many_files = (0..MOST_FILES).map(|n| (format!("line/f{n}.cedar"), Vec::new()));
    let too_much = [
        appended("line/strict.cedar", &long),
        Bundle::from_files(files().into_iter().chain(many_bytes).collect()),
        Bundle::from_files(files().into_iter().chain(many_files).collect()),
        appended("line/strict.cedar", &policy("true").repeat(MOST_POLICIES)),
        appended("schema.cedarschema", &"entity E;".repeat(MOST_DECLARATIONS)),
        appended("schema.cedarschema", &questions()),
    ];
    for (place, outcome) in too_much.into_iter().enumerate() {
        is_a_limit(&place.to_string(), &outcome.expect_err("too much"));
    }
}

/// Few declarations that let very many questions be asked.
fn questions() -> String {
    let entities: Vec<_> = (0..200).map(|n| format!("entity E{n};")).collect();
    let entities = entities.concat();
    let names: Vec<_> = (0..200).map(|n| format!("E{n}")).collect();
    let names = names.join(", ");
    format!("{entities} action ask appliesTo {{ principal: [{names}], resource: [{names}] }};")
}

#[test]
fn a_thousand_problems_are_told_as_a_hundred() {
    let wrong = r#"permit (principal, action == Portcullis::Action::"no", resource);"#.repeat(900);
    let refused = appended("line/strict.cedar", &wrong).unwrap_err();
    assert_eq!(refused.problems().len(), 100);
}

#[test]
fn flows_nested_without_end_are_refused() {
    for text in [
        "\nx = ".to_owned() + &wrap("[", "1", "]", 100_000),
        "\n".to_owned() + &"a.".repeat(100_000) + "a = 1",
    ] {
        let refused = appended("ordinary/flows.toml", &text).unwrap_err();
        assert!(matches!(refused.problems()[0].cause, Cause::Flow(_)));
    }
}

/// The deepest bundle there is can be read on the stack that the server gives it, and be asked anywhere.
#[test]
fn the_deepest_bundle_is_read_and_answers() {
    let read = || {
        let deep = wrap("(", "true", ")", DEEPEST - 4);
        let long = "context.impact.scope_level >= 0 && ".repeat(MOST_OPERATORS / 5);
        appended("guardrails/identities.cedar", &policy(&(long + &deep))).unwrap()
    };
    let large = std::thread::Builder::new().stack_size(64 * 1024 * 1024);
    let bundle = large.spawn(read).unwrap().join().unwrap();
    let with_code = World {
        met: controls(true, true, true, 2),
        ..World::new()
    };
    let asked = bundle.decide(PolicyAction::AssignEntitlement, &with_code.query());
    assert!(matches!(asked, Decision::Denied(_)), "{asked:?}");
}
