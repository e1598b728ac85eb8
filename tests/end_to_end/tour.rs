//! The tour as CI runs it.

use std::process::Command;

use crate::demo::is_root;
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
        told.contains("The tour is over: all stories are proved."),
        "{told}"
    );
    // The host's own key is rotated after the session it opened; without root there are no hosts.
    if is_root() {
        let refused = "Permission denied (publickey)";
        assert!(
            told.contains("ssh -i web-2-key") && told.contains(refused),
            "{told}"
        );
    }
    // What is shown can be typed.
    let typed = r"rosa$ portcullis request analytics read --reason 'quarterly figures'";
    assert!(told.contains(typed), "{told}");
}
