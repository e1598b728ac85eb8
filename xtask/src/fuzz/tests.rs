#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

#[test]
fn an_order_says_how_long_how_many_and_which() {
    let order = Order::parse(&["--minutes", "3", "tape", "--jobs", "1", "task"]).unwrap();
    assert_eq!(
        order,
        Order {
            time: Duration::from_mins(3),
            jobs: 1,
            names: names(&["tape", "task"]),
        }
    );
    let all = Order::parse(&[]).unwrap();
    assert_eq!((all.time, all.names.len()), (Duration::from_mins(10), 0));
}

#[test]
fn an_order_that_says_something_else_is_refused() {
    for words in [
        &["--minutes"][..],
        &["--minutes", "0"],
        &["--jobs", "none"],
        &["--jobs", "0"],
        &["-minutes", "3"],
    ] {
        assert_eq!(Order::parse(words), None, "{words:?}");
    }
}

#[test]
fn all_targets_run_or_those_that_are_asked_for_and_an_unknown_one_is_told() {
    let all = names(&["tape", "task"]);
    assert_eq!(chosen(&all, &[]).unwrap(), all);
    assert_eq!(chosen(&all, &names(&["task"])).unwrap(), names(&["task"]));
    let told = chosen(&all, &names(&["tapes"])).unwrap_err().to_string();
    assert!(
        told.contains("tapes") && told.contains("tape, task"),
        "{told}"
    );
}

#[test]
fn what_was_tried_is_read_off_the_end() {
    let said = "#2 INITED\nstat::number_of_executed_units: 12345\nstat::peak_rss_mb: 40\n";
    assert_eq!(tried(said), "12345");
    assert_eq!(tried(""), "no");
}

#[test]
fn a_finding_names_the_input_and_the_command_that_repeats_it() {
    let said = "#9 NEW\nthread '<unnamed>' panicked at crates/x.rs:1:2:\nit broke\n\
                Test unit written to /t/findings/tape-crash-1\n";
    let told = finding("tape", said, Path::new("/t/run"), Path::new("/t/tape.log"));
    assert!(
        told.contains("it broke") && told.contains("fuzz/regressions/tape/"),
        "{told}"
    );
    assert!(
        told.contains("again: /t/run --target=tape /t/findings/tape-crash-1"),
        "{told}"
    );
    let without = finding(
        "tape",
        "killed\n",
        Path::new("/t/run"),
        Path::new("/t/tape.log"),
    );
    assert!(
        without.contains("left no input") && without.contains("/t/tape.log"),
        "{without}"
    );
}
