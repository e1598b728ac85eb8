use super::*;

fn texts(source: &str) -> Vec<&str> {
    tokens(source).iter().map(|token| token.text).collect()
}

fn spelled(source: &str) -> Vec<String> {
    paths(&tokens(source))
        .iter()
        .map(|path| path.segments.join("::"))
        .collect()
}

#[test]
fn comments_vanish_and_literals_stay_whole() {
    assert_eq!(texts("a // b\n/* c /* d */ e */ f"), ["a", "f"]);
    assert_eq!(
        texts(r##"x("a \" b", r#"c " d"#, b'\'', 'e')"##),
        [
            "x",
            "(",
            r#""a \" b""#,
            ",",
            r##"r#"c " d"#"##,
            ",",
            r"b'\''",
            ",",
            "'e'",
            ")",
        ]
    );
}

#[test]
fn a_lifetime_is_no_character() {
    assert_eq!(texts("&'a str, 'b'"), ["&", "'", "a", "str", ",", "'b'"]);
}

#[test]
fn lines_are_counted_through_comments_and_strings() {
    let found = tokens("/*\n*/ \"\n\" a");
    assert_eq!(found.last().map(|token| token.line), Some(3));
}

#[test]
fn groups_of_imports_are_written_out() {
    let found = spelled("use std::{fs, io::{self, Read as _}};");
    assert_eq!(found, ["use", "std::fs", "std::io::self", "std::io::Read"]);
}

#[test]
fn a_path_contains_whole_segments_only() {
    let path = Spelled {
        segments: vec!["std", "time", "SystemTime", "now"],
        line: 1,
    };
    assert!(path.contains("SystemTime::now"));
    assert!(path.contains("std::time"));
    assert!(!path.contains("Time::now"));
    assert!(!path.contains("std::SystemTime"));
}

#[test]
fn test_items_are_cut_out_and_nothing_else() {
    let source =
        "fn a() { b(); } #[cfg(test)] mod t { fn c() {} } #[cfg(test)] use d::e; fn f() {}";
    let kept: Vec<_> = without_tests(&tokens(source))
        .iter()
        .map(|token| token.text)
        .collect();
    assert_eq!(kept.join(" "), "fn a ( ) { b ( ) ; } fn f ( ) { }");
}

#[test]
fn a_feature_gate_does_not_hide_code_from_the_scan() {
    let source = "#[cfg(any(test, feature = \"x\"))] mod t { fn c() {} }";
    assert_eq!(without_tests(&tokens(source)).len(), tokens(source).len());
}

#[test]
fn test_modules_in_files_of_their_own_are_named() {
    assert_eq!(
        test_modules(&tokens("mod a; #[cfg(test)] mod tests; mod b;")),
        ["tests"]
    );
}

#[test]
fn an_import_of_everything_counts_as_an_import_of_each() {
    for source in ["use std::*;", "use std::{*};"] {
        let found = paths(&tokens(source));
        assert!(
            found.iter().any(|path| path.contains("std::fs")),
            "{source}"
        );
        assert!(!found.iter().any(|path| path.contains("fs")), "{source}");
    }
}
