//! How large and how deep a bundle may be. Measured on its bytes and tokens before anything is parsed: what reads
//! Cedar goes as deep as the text does, writes every type out wherever it is named, and stops for nobody.

use std::collections::{BTreeMap, BTreeSet};

use super::error::{BundleError, Cause, Problem};
use super::layout::{Folder, SCHEMA};
use super::tokens::{Token, Tokens};

/// The most files.
pub const MOST_FILES: usize = 256;

/// The most bytes of all files and their paths.
pub const MOST_BYTES: usize = 1024 * 1024;

/// The most bytes of one file.
pub const MOST_FILE_BYTES: usize = 256 * 1024;

/// The deepest that brackets stand in each other, types that the schema names included.
pub const DEEPEST: usize = 64;

/// The most operators, attributes and clauses of one policy: each can be one level more.
pub const MOST_OPERATORS: usize = 1_000;

/// The most policies of a bundle.
pub const MOST_POLICIES: usize = 1_000;

/// The most declarations of a schema.
pub const MOST_DECLARATIONS: usize = 500;

/// The most words and signs of a schema, with every type written out where it is named.
pub const MOST_WRITTEN_OUT: usize = 100_000;

/// The most policies times questions that the schema lets be asked.
pub const MOST_CHECKS: usize = 50_000;

/// The words that are operators, or begin a clause.
const OPERATORS: [&str; 7] = ["if", "has", "like", "is", "in", "when", "unless"];

/// Refuses too many files and too many bytes.
pub(super) fn sizes(files: &BTreeMap<String, Vec<u8>>) -> Result<(), BundleError> {
    let bytes: usize = files
        .iter()
        .map(|(path, bytes)| path.len() + bytes.len())
        .sum();
    within("the bundle", "files", files.len(), MOST_FILES)?;
    within("the bundle", "bytes", bytes, MOST_BYTES)?;
    for (file, bytes) in files {
        within(file, "bytes", bytes.len(), MOST_FILE_BYTES)?;
    }
    Ok(())
}

/// Refuses what would go too deep, or grow too large, once it is parsed.
pub(super) fn shapes(texts: &BTreeMap<&str, &str>) -> Result<(), BundleError> {
    let mut policies = 0;
    for (file, text) in texts {
        if Folder::of(file).is_some() {
            policies += policies_of(file, text)?;
        }
    }
    within("the bundle", "policies", policies, MOST_POLICIES)?;
    schema(texts.get(SCHEMA).copied().unwrap_or_default())
}

/// Refuses more than `most` of something.
pub(super) fn within(
    place: &str,
    what: &'static str,
    found: usize,
    most: usize,
) -> Result<(), BundleError> {
    if found <= most {
        return Ok(());
    }
    Err(Problem::whole_file(place, Cause::TooLarge { what, most }).into())
}

/// Brackets that stand open.
#[derive(Default)]
struct Open(Vec<&'static str>);

impl Open {
    /// Follows a sign; what closes something else than what is open closes nothing.
    fn follow(&mut self, token: Token<'_>, brackets: &[(&'static str, &'static str)]) {
        let Token::Sign(sign) = token else { return };
        if let Some((_, closing)) = brackets.iter().find(|(opening, _)| *opening == sign) {
            self.0.push(closing);
        } else if self.0.last() == Some(&sign) {
            self.0.pop();
        }
    }

    const fn depth(&self) -> usize {
        self.0.len()
    }
}

/// Counts a file's policies, none of which goes too deep.
fn policies_of(file: &str, text: &str) -> Result<usize, Problem> {
    let (mut open, mut operators, mut policies) = (Open::default(), 0, 0);
    for (offset, token) in Tokens::of_policies(text) {
        open.follow(token, &[("(", ")"), ("[", "]"), ("{", "}")]);
        match token {
            Token::Sign(";") if open.depth() == 0 => {
                policies += 1;
                operators = 0;
            }
            Token::Sign("," | ";" | ":" | "::" | "@" | ")" | "]" | "}") | Token::Text => {}
            Token::Sign(_) => operators += 1,
            Token::Word(word) => operators += usize::from(OPERATORS.contains(&word)),
        }
        if open.depth() > DEEPEST {
            return Err(Problem::at(file, text, offset, Cause::TooDeep));
        }
        if operators > MOST_OPERATORS {
            let cause = Cause::TooLarge {
                what: "operators, attributes and clauses in one policy",
                most: MOST_OPERATORS,
            };
            return Err(Problem::at(file, text, offset, cause));
        }
    }
    Ok(policies)
}

/// A declaration of the schema: the alias it gives a meaning to, and what it is made of.
#[derive(Default)]
struct Declaration<'a> {
    alias: Option<&'a str>,
    /// Words that may name an alias, with the depth at which they stand.
    names: Vec<(&'a str, usize)>,
    tokens: usize,
    deepest: usize,
}

/// How large and how deep something is with every alias written out.
#[derive(Clone, Copy)]
struct Extent {
    tokens: usize,
    depth: usize,
}

fn schema(text: &str) -> Result<(), BundleError> {
    let declarations = declarations(text)?;
    let mut aliases: BTreeMap<&str, Extent> = BTreeMap::new();
    let mut open: Vec<&Declaration<'_>> = declarations.iter().collect();
    let mut written_out: usize = 0;
    // Whoever names only what is known becomes known; who names itself, directly or not, never does.
    while !open.is_empty() {
        let waiting: BTreeSet<&str> = open.iter().filter_map(|other| other.alias).collect();
        let (known, unknown): (Vec<&Declaration<'_>>, Vec<_>) =
            open.into_iter().partition(|declared| {
                !declared
                    .names
                    .iter()
                    .any(|(name, _)| waiting.contains(name))
            });
        if known.is_empty() {
            return Err(Problem::whole_file(SCHEMA, Cause::Circle).into());
        }
        for declared in known {
            let extent = declared.extent(&aliases);
            if extent.depth > DEEPEST {
                return Err(Problem::whole_file(SCHEMA, Cause::TooDeep).into());
            }
            written_out = written_out.saturating_add(extent.tokens);
            within(
                SCHEMA,
                "words with every type written out",
                written_out,
                MOST_WRITTEN_OUT,
            )?;
            if let Some(alias) = declared.alias {
                let worst = aliases.entry(alias).or_insert(extent);
                worst.tokens = worst.tokens.max(extent.tokens);
                worst.depth = worst.depth.max(extent.depth);
            }
        }
        open = unknown;
    }
    Ok(())
}

impl Declaration<'_> {
    fn extent(&self, aliases: &BTreeMap<&str, Extent>) -> Extent {
        let mut extent = Extent {
            tokens: self.tokens,
            depth: self.deepest,
        };
        for (name, depth) in &self.names {
            if let Some(meant) = aliases.get(name) {
                extent.tokens = extent.tokens.saturating_add(meant.tokens);
                // One more: an alias of an alias without any bracket is a level too.
                extent.depth = extent.depth.max(depth + meant.depth + 1);
            }
        }
        extent
    }
}

/// The declarations of a schema, which end with `;`, by the tokens of each.
fn declarations(text: &str) -> Result<Vec<Declaration<'_>>, BundleError> {
    let mut open = Open::default();
    let mut all = vec![Declaration::default()];
    let mut tokens = Tokens::of_schema(text).peekable();
    let mut before = None;
    while let Some((offset, token)) = tokens.next() {
        let after = tokens.peek().map(|(_, token)| *token);
        open.follow(token, &[("(", ")"), ("[", "]"), ("{", "}"), ("<", ">")]);
        if open.depth() > DEEPEST {
            return Err(Problem::at(SCHEMA, text, offset, Cause::TooDeep).into());
        }
        let Some(declared) = all.last_mut() else {
            break;
        };
        declared.tokens += 1;
        declared.deepest = declared.deepest.max(open.depth());
        match (before, token, after) {
            (Some(Token::Word("type")), Token::Word(name), Some(Token::Sign("="))) => {
                declared.alias = Some(name);
            }
            // The name of an attribute is no type.
            (_, Token::Word(_), Some(Token::Sign(":" | "?"))) => {}
            (_, Token::Word(name), _) => declared.names.push((name, open.depth())),
            (_, Token::Sign(";"), _) => all.push(Declaration::default()),
            _ => {}
        }
        before = Some(token);
    }
    within(SCHEMA, "declarations", all.len(), MOST_DECLARATIONS)?;
    Ok(all)
}
