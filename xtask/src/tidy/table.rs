//! The rules of `tidy` as data: words and names to keep out.

/// Everything `tidy` holds the tree against.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    pub words: &'static [Word],
    /// Stems of file and folder names that say nothing about what lives there.
    pub empty_names: &'static [&'static str],
}

/// A word that may not appear in a file of ours.
#[derive(Debug, Clone, Copy)]
pub struct Word {
    pub word: &'static str,
    pub instead: &'static str,
}

/// The tree.
pub const TABLE: Table = Table {
    words: &[
        Word {
            word: "TODO",
            instead: "do it, or open an issue",
        },
        Word {
            word: "FIXME",
            instead: "fix it, or open an issue",
        },
        Word {
            word: "XXX",
            instead: "say what is wrong",
        },
        Word {
            word: "HACK",
            instead: "say why it must be so",
        },
        Word {
            word: "in a real system",
            instead: "this is the real system",
        },
        Word {
            word: "in a real implementation",
            instead: "this is the real implementation",
        },
    ],
    empty_names: &[
        "common", "helper", "helpers", "manager", "misc", "util", "utils",
    ],
};

/// Files that may name the words because they are about them.
pub const ABOUT_WORDS: &[&str] = &["STYLE.md", "xtask/src/tidy/"];
