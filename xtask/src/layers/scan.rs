//! The rules over sources: sizes, purity of floors 0 and 1, calls with one caller, code pulled in from elsewhere.

use super::table::{Floor, Pattern, Table};
use crate::report::Report;
use crate::rust::{Kind, Spelled, Token, paths};
use crate::workspace::{Source, Workspace, resolve, within};

/// No file may be too long to read.
pub fn sizes(sources: &[Source<'_>], table: &Table, report: &mut Report) {
    for source in sources {
        let lines = source.text.lines().count();
        if lines > table.most_lines {
            let what = format!(
                "{lines} lines, at most {} may be; split it by what it is about",
                table.most_lines
            );
            report.complain(source.path, &what);
        } else if lines > table.many_lines {
            report.note(format!(
                "{}: {lines} lines, more than {}",
                source.path, table.many_lines
            ));
        }
    }
}

/// Production code on a pure floor names nothing impure.
pub fn purity(sources: &[Source<'_>], table: &Table, report: &mut Report) {
    for source in sources {
        let floor = source
            .package
            .and_then(|package| table.placement(&package.name))
            .map(|placed| placed.floor);
        if !floor.is_some_and(Floor::is_pure) {
            continue;
        }
        let code = Code::of(source);
        for impurity in table.impurities {
            for line in code.lines_with(&impurity.pattern) {
                let what = format!(
                    "`{}` on a pure floor; {}",
                    impurity.pattern, impurity.instead
                );
                report.complain(&format!("{}:{line}", source.path), &what);
            }
        }
    }
}

/// Production code calls what only some may call from there only.
pub fn calls(sources: &[Source<'_>], table: &Table, report: &mut Report) {
    for source in sources {
        let code = Code::of(source);
        for rule in table.forbidden_calls {
            if rule
                .allowed_in
                .iter()
                .any(|place| source.path.starts_with(place))
            {
                continue;
            }
            for line in code.lines_with(&rule.pattern) {
                let what = format!(
                    "`{}` may stand in {} only; {}",
                    rule.pattern,
                    rule.allowed_in.join(", "),
                    rule.why
                );
                report.complain(&format!("{}:{line}", source.path), &what);
            }
        }
    }
}

/// A module lies where its name says, and no package compiles another's files.
pub fn inclusions(workspace: &Workspace, sources: &[Source<'_>], report: &mut Report) {
    for source in sources {
        for line in path_attributes(&source.tokens) {
            let what = "`#[path]` hides where a module lives; put the file where its name says";
            report.complain(&format!("{}:{line}", source.path), what);
        }
        for (token, arguments) in inclusion_macros(&source.tokens) {
            let place = format!("{}:{}", source.path, token.line);
            if token.is("include")
                && !arguments
                    .iter()
                    .any(|argument| argument.text.contains("OUT_DIR"))
            {
                report.complain(&place, "`include!` of a source file; make it a module");
            } else if let Some(owner) = foreign_owner(workspace, source, arguments) {
                let what = format!(
                    "includes a file of {owner}; import the package, or move the file beside crates/"
                );
                report.complain(&place, &what);
            }
        }
    }
}

/// The production code of one source, ready to be asked for patterns.
struct Code<'a> {
    tokens: Vec<Token<'a>>,
    paths: Vec<Spelled<'a>>,
}

impl<'a> Code<'a> {
    fn of(source: &Source<'a>) -> Self {
        let tokens = source.production();
        let paths = paths(&tokens);
        Self { tokens, paths }
    }

    fn lines_with(&self, pattern: &Pattern) -> Vec<usize> {
        match pattern {
            Pattern::Path(wanted) => self
                .paths
                .iter()
                .filter(|path| path.contains(wanted))
                .map(|path| path.line)
                .collect(),
            Pattern::Method(name) => self
                .tokens
                .windows(3)
                .filter_map(|window| match window {
                    [dot, word, open]
                        if dot.is(".") && word.is(name) && (open.is("(") || open.is("::")) =>
                    {
                        Some(word.line)
                    }
                    _ => None,
                })
                .collect(),
        }
    }
}

/// Lines with `#[path = …]`, also inside `cfg_attr`.
fn path_attributes(tokens: &[Token<'_>]) -> Vec<usize> {
    let mut lines = Vec::new();
    for (at, window) in tokens.windows(3).enumerate() {
        let [hash, open, first] = window else {
            continue;
        };
        if !(hash.is("#") && open.is("[")) {
            continue;
        }
        let attribute: Vec<_> = tokens
            .iter()
            .skip(at + 2)
            .take_while(|token| !token.is("]"))
            .collect();
        let assigns = attribute
            .windows(2)
            .any(|pair| matches!(pair, [word, sign] if word.is("path") && sign.is("=")));
        let alone = attribute.get(1).is_some_and(|sign| sign.is("="));
        if first.is("path") && alone || first.is("cfg_attr") && assigns {
            lines.push(first.line);
        }
    }
    lines
}

/// The including macros with the tokens between their brackets.
fn inclusion_macros<'t, 'a>(tokens: &'t [Token<'a>]) -> Vec<(Token<'a>, &'t [Token<'a>])> {
    let mut found = Vec::new();
    for (at, window) in tokens.windows(3).enumerate() {
        let [word, sign, open] = window else { continue };
        let including = ["include", "include_str", "include_bytes"]
            .iter()
            .any(|name| word.is(name));
        if including && sign.is("!") && open.is("(") {
            let rest = tokens.get(at + 3..).unwrap_or_default();
            let end = rest
                .iter()
                .position(|token| token.is(";"))
                .unwrap_or(rest.len());
            found.push((*word, rest.get(..end).unwrap_or_default()));
        }
    }
    found
}

/// The package other than `source`'s own in which the included file lies.
fn foreign_owner<'a>(
    workspace: &'a Workspace,
    source: &Source<'_>,
    arguments: &[Token<'_>],
) -> Option<&'a str> {
    let first = arguments
        .first()
        .filter(|token| token.kind == Kind::Literal)?;
    let folder = source
        .path
        .rsplit_once('/')
        .map_or("", |(folder, _)| folder);
    let target = resolve(folder, first.quoted()?);
    let owner = workspace
        .packages
        .iter()
        .find(|package| within(&target, &package.folder).is_some())?;
    let own = source
        .package
        .is_some_and(|package| package.name == owner.name);
    (!own).then_some(owner.name.as_str())
}
