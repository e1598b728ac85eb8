//! One right at a PostgreSQL server, as its catalog tells it.

use std::fmt;

/// A right, on what, and through which roles.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Right {
    /// The catalog's word: `SELECT`, `OWNER`, `SUPERUSER`, `MEMBER`, `ADMIN OPTION`.
    pub word: String,
    /// Whether its holder may give it to others.
    pub grantable: bool,
    /// On what.
    pub on: Object,
    /// Through which chain of roles and views, nearest first; empty when direct.
    pub via: Vec<String>,
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.title())?;
        write!(f, " on {}", self.on)?;
        if self.via.is_empty() {
            return Ok(());
        }
        write!(f, " through {}", self.via.join(", "))
    }
}

impl Right {
    /// The word, and whether it may be passed on.
    pub fn title(&self) -> String {
        let option = if self.grantable {
            " WITH GRANT OPTION"
        } else {
            ""
        };
        format!("{}{option}", self.word)
    }
}

/// What a right is on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Object {
    /// What kind of thing.
    pub kind: Kind,
    /// Its name, qualified and quoted as the server writes it.
    pub name: String,
}

/// The kinds of things that carry rights.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A role: its attributes, membership in it, the option to administer it.
    Role,
    /// A database of the cluster.
    Database,
    /// A schema.
    Schema,
    /// A table, partitioned table, view or materialised view.
    Table,
    /// A column of one of these.
    Column,
    /// A table or column of the server's own catalogs that not everybody may read.
    SystemCatalog,
    /// A table whose rows are fetched from elsewhere, perhaps by a program.
    ForeignTable,
    /// A sequence.
    Sequence,
    /// A function or procedure.
    Function(Runs),
    /// A large object.
    LargeObject,
    /// A type or domain.
    Type,
    /// A language that keeps its functions within the caller's rights.
    TrustedLanguage,
    /// A foreign-data wrapper.
    ForeignDataWrapper,
    /// A foreign server.
    ForeignServer,
    /// A tablespace.
    Tablespace,
    /// A setting of the server.
    Parameter,
    /// Objects of another database of the cluster, which were not read.
    Elsewhere,
    /// Anything else, in the server's words.
    Other(String),
}

/// With whose rights a function runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Runs {
    /// With the caller's, in a trusted language: calling it adds nothing to them.
    AsCaller,
    /// With its owner's, whom the entitlement could otherwise not act as.
    AsOwner(String),
    /// As code of the server process, in this language: it may do anything.
    AsServer(String),
    /// As code of the server process, from this extension.
    Extension(String),
    /// Built into the server, and kept from ordinary roles when the server was made.
    BuiltIn,
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match &self.kind {
            Kind::Role => "role",
            Kind::Database => "database",
            Kind::Schema => "schema",
            Kind::Table => "table",
            Kind::Column => "column",
            Kind::SystemCatalog => "system catalog",
            Kind::ForeignTable => "foreign table",
            Kind::Sequence => "sequence",
            Kind::Function(runs) => return write!(f, "{runs} {}", self.name),
            Kind::LargeObject => "large object",
            Kind::Type => "type",
            Kind::TrustedLanguage => "language",
            Kind::ForeignDataWrapper => "foreign-data wrapper",
            Kind::ForeignServer => "foreign server",
            Kind::Tablespace => "tablespace",
            Kind::Parameter => "parameter",
            Kind::Elsewhere => "another database:",
            Kind::Other(word) => word,
        };
        write!(f, "{word} {}", self.name)
    }
}

impl fmt::Display for Runs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AsCaller => f.write_str("function"),
            Self::AsOwner(owner) => write!(f, "SECURITY DEFINER function (runs as {owner})"),
            Self::AsServer(language) => write!(f, "{language} function"),
            Self::Extension(extension) => write!(f, "function of extension {extension}"),
            Self::BuiltIn => f.write_str("built-in function"),
        }
    }
}
