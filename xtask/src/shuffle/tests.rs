#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;

use serde_json::json;

use super::*;

fn test(binary: &str, name: &str) -> Test {
    Test {
        binary: binary.into(),
        name: name.into(),
    }
}

fn many() -> Vec<Test> {
    (0..300)
        .map(|number| test("a::b", &format!("m::t{number}")))
        .collect()
}

#[test]
fn one_seed_gives_one_order_however_the_tests_are_listed_and_another_seed_another() {
    let mut turned = many();
    turned.reverse();
    assert_eq!(shuffled(many(), 7), shuffled(turned, 7));
    assert_ne!(shuffled(many(), 7), shuffled(many(), 8));
    assert_ne!(shuffled(many(), 7), many());
}

#[test]
fn every_test_is_in_exactly_one_chunk() {
    let order = shuffled(many(), 7);
    let chunked: Vec<_> = order.chunks(CHUNK).flatten().collect();
    assert_eq!(chunked.len(), many().len());
    let chunked: BTreeSet<_> = chunked.into_iter().cloned().collect();
    assert_eq!(chunked, many().into_iter().collect());
}

#[test]
fn all_tests_are_taken_from_the_list_but_those_that_are_ignored() {
    let list = json!({ "rust-suites": {
        "a": { "testcases": { "one": { "ignored": false }, "never": { "ignored": true } } },
        "b::c": { "testcases": { "one": { "ignored": false } } },
        "empty": { "testcases": {} },
    } });
    assert_eq!(
        listed(&list).unwrap(),
        [test("a", "one"), test("b::c", "one")]
    );
}

#[test]
fn a_list_that_is_none_is_refused_and_not_taken_for_an_empty_one() {
    for list in [
        json!({}),
        json!({ "rust-suites": { "a": {} } }),
        json!({ "rust-suites": { "a": { "testcases": { "one": {} } } } }),
    ] {
        assert!(listed(&list).is_err(), "{list}");
    }
}

#[test]
fn a_filter_names_each_test_of_each_binary_exactly() {
    assert_eq!(
        filter(&[test("a", "m::one"), test("b::c", "two")]),
        "(binary_id(=a) and test(=m::one)) or (binary_id(=b::c) and test(=two))"
    );
}

#[test]
fn what_the_runner_says_at_its_end_is_how_many_were_run() {
    let said = |end: &str| tests_run(&format!("    Finished x\n     Summary [   1.2s] {end}\n"));
    assert_eq!(said("110 tests run: 110 passed, 890 skipped"), Some(110));
    assert_eq!(said("1 test run: 0 passed, 1 failed"), Some(1));
    assert_eq!(said("3/110 tests run: 3 passed"), Some(3));
    assert_eq!(tests_run("error: no tests to run"), None);
}
