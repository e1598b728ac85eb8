//! The rules of `layers` as data. A new crate, a new dependency of a pure crate, or a new call that only one
//! place may make is one line here, and the line is where a reviewer sees it.

use std::fmt;

/// Everything `layers` holds the workspace against.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    pub placements: &'static [Placement],
    pub forbidden_calls: &'static [ForbiddenCall],
    pub impurities: &'static [Impurity],
    /// Features that nothing but tests may switch on.
    pub features_for_tests: &'static [&'static str],
    /// Folders in the longest permitted chain of imports.
    pub longest_chain: usize,
    /// A file with more lines is refused.
    pub most_lines: usize,
    /// A file with more lines is listed.
    pub many_lines: usize,
}

impl Table {
    /// Where `package` belongs.
    pub fn placement(&self, package: &str) -> Option<&'static Placement> {
        self.placements
            .iter()
            .find(|placement| placement.package == package)
    }
}

/// A package's place.
#[derive(Debug, Clone, Copy)]
pub struct Placement {
    pub package: &'static str,
    pub folder: &'static str,
    pub floor: Floor,
    /// Published crates it may import outside its tests; looked at on pure floors only.
    pub third_party: &'static [&'static str],
    /// Packages of its own floor that its tests may import, such as a conformance suite.
    pub test_siblings: &'static [&'static str],
}

/// How high a package stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Floor {
    /// Imports only what has a lower number.
    Number(u8),
    /// Beside the house: imports anything on a floor, and no floor imports it.
    Outside,
}

impl Floor {
    /// True where nothing may touch a clock, a file, a socket or a runtime.
    pub fn is_pure(self) -> bool {
        matches!(self, Self::Number(0 | 1))
    }

    /// True if a package here may import one at `other`.
    pub fn may_import(self, other: Self) -> bool {
        match (self, other) {
            (_, Self::Outside) => false,
            (Self::Outside, Self::Number(_)) => true,
            (Self::Number(own), Self::Number(other)) => other < own,
        }
    }
}

impl fmt::Display for Floor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "(floor {number})"),
            Self::Outside => f.write_str("(outside the floors)"),
        }
    }
}

/// A call that only some places may make.
#[derive(Debug, Clone, Copy)]
pub struct ForbiddenCall {
    pub pattern: Pattern,
    /// Beginnings of the paths of files where it may stand.
    pub allowed_in: &'static [&'static str],
    pub why: &'static str,
}

/// Something that production code on a pure floor may not name.
#[derive(Debug, Clone, Copy)]
pub struct Impurity {
    pub pattern: Pattern,
    pub instead: &'static str,
}

/// What to look for among a file's tokens.
#[derive(Debug, Clone, Copy)]
pub enum Pattern {
    /// Neighbouring segments of a path, such as `std::fs`; a single word is a path of one.
    Path(&'static str),
    /// A method call: `.name(`.
    Method(&'static str),
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => f.write_str(path),
            Self::Method(name) => write!(f, ".{name}("),
        }
    }
}

/// The house.
pub const TABLE: Table = Table {
    placements: PLACEMENTS,
    forbidden_calls: FORBIDDEN_CALLS,
    impurities: IMPURITIES,
    features_for_tests: &["conformance", "failpoints"],
    longest_chain: 6,
    most_lines: 800,
    many_lines: 450,
};

const PLACEMENTS: &[Placement] = &[
    pure(
        "portcullis-model",
        "crates/model",
        0,
        &[
            "aws-lc-rs",
            "hex",
            "jiff",
            "schemars",
            "serde",
            "serde_json",
            "serde_json_canonicalizer",
            "subtle",
            "thiserror",
            "zeroize",
        ],
    ),
    pure(
        "portcullis-classify",
        "crates/classify",
        1,
        &["serde", "thiserror"],
    ),
    pure(
        "portcullis-policy",
        "crates/policy",
        1,
        &[
            "aws-lc-rs",
            "cedar-policy",
            "serde",
            "serde_json",
            "thiserror",
            "toml",
        ],
    ),
    pure(
        "portcullis-flow",
        "crates/flow",
        1,
        &["serde", "serde_json", "thiserror"],
    ),
    pure(
        "portcullis-vault",
        "crates/vault",
        1,
        &[
            "argon2",
            "aws-lc-rs",
            "base64",
            "chacha20poly1305",
            "serde",
            "serde_json",
            "ssh-key",
            "thiserror",
            "zeroize",
        ],
    ),
    pure(
        "portcullis-ledger",
        "crates/ledger",
        1,
        &["aws-lc-rs", "base64", "thiserror"],
    ),
    pure(
        "portcullis-tape",
        "crates/tape",
        1,
        &[
            "aws-lc-rs",
            "base64",
            "chacha20poly1305",
            "serde",
            "serde_json",
            "thiserror",
            "zeroize",
            "zstd",
        ],
    ),
    pure(
        "portcullis-hosts",
        "crates/hosts",
        1,
        &["base64", "thiserror"],
    ),
    on(2, "portcullis-ports", "crates/ports"),
    on(2, "portcullis-wire", "crates/wire"),
    Placement {
        // The vault's one way out is attacked over a real store.
        test_siblings: &["portcullis-store"],
        ..on(3, "portcullis-engine", "crates/engine")
    },
    on(3, "portcullis-store", "crates/store"),
    on(3, "portcullis-brokers", "crates/brokers"),
    on(3, "portcullis-connectors", "crates/connectors"),
    on(3, "portcullis-rotators", "crates/rotators"),
    on(3, "portcullis-identity", "crates/identity"),
    on(4, "portcullis-api", "crates/api"),
    on(5, "portcullis", "crates/portcullis"),
    outside("portcullis-benches", "benches"),
    outside("portcullis-fuzz", "fuzz"),
    outside("xtask", "xtask"),
];

const FORBIDDEN_CALLS: &[ForbiddenCall] = &[ForbiddenCall {
    pattern: Pattern::Path("open_sealed"),
    allowed_in: &[
        "crates/vault/",
        "crates/engine/src/secrets/",
        // It tries to open what it altered, with keys that open nothing.
        "fuzz/src/sealed.rs",
    ],
    why: "a secret leaves the vault through engine's secrets::release, which takes a permit",
}];

const TIME: &str = "take the time as an argument";
const RANDOMNESS: &str = "take random bytes as an argument";
const EFFECT: &str = "return a value and let a higher floor act on it";

const IMPURITIES: &[Impurity] = &[
    Impurity {
        pattern: Pattern::Path("async"),
        instead: EFFECT,
    },
    Impurity {
        pattern: Pattern::Path("await"),
        instead: EFFECT,
    },
    Impurity {
        pattern: Pattern::Path("tokio"),
        instead: EFFECT,
    },
    Impurity {
        pattern: Pattern::Path("std::fs"),
        instead: EFFECT,
    },
    Impurity {
        pattern: Pattern::Path("std::net"),
        instead: EFFECT,
    },
    Impurity {
        pattern: Pattern::Path("std::os"),
        instead: EFFECT,
    },
    Impurity {
        pattern: Pattern::Path("std::process"),
        instead: EFFECT,
    },
    Impurity {
        pattern: Pattern::Path("std::thread"),
        instead: EFFECT,
    },
    Impurity {
        pattern: Pattern::Path("io::stdin"),
        instead: EFFECT,
    },
    Impurity {
        pattern: Pattern::Path("io::stdout"),
        instead: EFFECT,
    },
    Impurity {
        pattern: Pattern::Path("io::stderr"),
        instead: EFFECT,
    },
    Impurity {
        pattern: Pattern::Path("std::env"),
        instead: "take the setting as an argument",
    },
    Impurity {
        pattern: Pattern::Path("std::time::SystemTime"),
        instead: TIME,
    },
    Impurity {
        pattern: Pattern::Path("std::time::Instant"),
        instead: TIME,
    },
    Impurity {
        pattern: Pattern::Method("elapsed"),
        instead: TIME,
    },
    Impurity {
        pattern: Pattern::Path("Instant::now"),
        instead: TIME,
    },
    Impurity {
        pattern: Pattern::Path("SystemTime::now"),
        instead: TIME,
    },
    Impurity {
        pattern: Pattern::Path("Timestamp::now"),
        instead: TIME,
    },
    Impurity {
        pattern: Pattern::Path("SystemRandom"),
        instead: RANDOMNESS,
    },
    Impurity {
        pattern: Pattern::Path("aws_lc_rs::rand"),
        instead: RANDOMNESS,
    },
    Impurity {
        pattern: Pattern::Path("OsRng"),
        instead: RANDOMNESS,
    },
    Impurity {
        pattern: Pattern::Path("SysRng"),
        instead: RANDOMNESS,
    },
    Impurity {
        pattern: Pattern::Path("getrandom"),
        instead: RANDOMNESS,
    },
];

const fn pure(
    package: &'static str,
    folder: &'static str,
    floor: u8,
    third_party: &'static [&'static str],
) -> Placement {
    Placement {
        package,
        folder,
        floor: Floor::Number(floor),
        third_party,
        test_siblings: &[],
    }
}

const fn on(floor: u8, package: &'static str, folder: &'static str) -> Placement {
    Placement {
        package,
        folder,
        floor: Floor::Number(floor),
        third_party: &[],
        test_siblings: &[],
    }
}

const fn outside(package: &'static str, folder: &'static str) -> Placement {
    Placement {
        package,
        folder,
        floor: Floor::Outside,
        third_party: &[],
        test_siblings: &[],
    }
}
