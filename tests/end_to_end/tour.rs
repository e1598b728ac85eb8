//! The tour as CI runs it.

use std::process::Command;

use crate::world::{PROGRAM, said};

#[test]
fn the_tour_tells_both_stories_and_proves_them() {
    let output = Command::new(PROGRAM)
        .args(["demo", "--tour"])
        .output()
        .unwrap();
    let told = said(&output);
    assert!(output.status.success(), "{told}");
    assert!(
        told.contains("The tour is over: both stories are proved."),
        "{told}"
    );
    // What is shown can be typed.
    let typed = r"rosa$ portcullis request analytics read --reason 'quarterly figures'";
    assert!(told.contains(typed), "{told}");
}
