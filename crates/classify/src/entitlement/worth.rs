//! The tables: what each right is worth. A word that is not listed for its kind of object is worst.

use portcullis_model::{Amount, Disclosure, Impact, Scope, Sensitivity};

use super::{Kind, Right, Runs};

/// What one right can do, and why.
pub(super) struct Worth {
    pub impact: Impact,
    pub why: &'static str,
}

/// The worth of one right on a resource that holds data of this sensitivity.
pub(super) fn worth(right: &Right, sensitivity: Sensitivity) -> Worth {
    let own = base(right, sensitivity);
    if !right.grantable {
        return own;
    }
    say(
        own.impact.join(&security(Scope::Object)),
        "may be given to others",
    )
}

fn base(right: &Right, sensitivity: Sensitivity) -> Worth {
    let word = right.word.as_str();
    match &right.on.kind {
        Kind::Role => role(word, &right.on.name),
        kind if word == "OWNER" => owner(kind, sensitivity),
        Kind::Table | Kind::Column => table(word, sensitivity),
        Kind::SystemCatalog => system_catalog(word),
        Kind::ForeignTable => worst("its rows come from elsewhere, perhaps from a program"),
        Kind::Sequence => sequence(word),
        Kind::Function(runs) => function(word, runs),
        Kind::LargeObject => large_object(word, sensitivity),
        Kind::Database => database(word),
        Kind::Schema => schema(word),
        Kind::Type | Kind::TrustedLanguage if word == "USAGE" => nothing("no data of its own"),
        Kind::Tablespace if word == "CREATE" => say(
            changes(Scope::Resource),
            "stores data on a disk of the server",
        ),
        Kind::ForeignDataWrapper | Kind::ForeignServer if word == "USAGE" => {
            worst("reaches other systems from the server")
        }
        Kind::Parameter => worst("changes settings kept from ordinary roles"),
        Kind::Elsewhere => worst("these rights are in a database that was not read"),
        _ => unlisted(),
    }
}

fn role(word: &str, name: &str) -> Worth {
    match word {
        "MEMBER" => member(name),
        "SUPERUSER" => worst("bypasses every check of the server"),
        "CREATEROLE" => say(security(Scope::Estate), "creates and changes other roles"),
        "ADMIN OPTION" => say(security(Scope::Resource), "gives the role to others"),
        "BYPASSRLS" => say(
            security(Scope::Resource),
            "reads and writes past row security",
        ),
        "CREATEDB" => say(degrading(&changes(Scope::Estate)), "creates databases"),
        "REPLICATION" => say(
            degrading(&changes(Scope::Estate).join(&secret(Scope::Estate))),
            "copies the whole cluster, password hashes included",
        ),
        _ => unlisted(),
    }
}

/// Membership. A role of the users' own is worth its rights, which are listed beside it; a predefined
/// one is worth what the manual says (PostgreSQL 18, section 21.5). The prefix `pg_` is reserved.
fn member(role: &str) -> Worth {
    match role {
        "pg_read_all_data" => say(
            secret(Scope::Resource),
            "reads every table, those with password hashes included",
        ),
        "pg_write_all_data" => say(changes(Scope::Resource), "writes to every table"),
        "pg_read_all_settings" => say(
            secret(Scope::Resource),
            "reads every setting, connection strings with passwords included",
        ),
        "pg_read_all_stats" | "pg_monitor" => say(
            degrading(&secret(Scope::Estate)),
            "sees the statements of others, passwords in them included",
        ),
        "pg_stat_scan_tables" => say(degrading(&Impact::nothing()), "holds locks for a long time"),
        "pg_signal_backend"
        | "pg_signal_autovacuum_worker"
        | "pg_checkpoint"
        | "pg_use_reserved_connections" => say(
            degrading(&Impact::nothing()),
            "slows or ends the work of others",
        ),
        "pg_maintain" => say(
            degrading(&changes(Scope::Resource)),
            "rewrites and locks every table",
        ),
        "pg_database_owner" => say(security(Scope::Resource), "acts as the database's owner"),
        "pg_read_server_files" => say(
            secret(Scope::Estate),
            "reads every file that the server can",
        ),
        "pg_write_server_files" => worst("writes every file that the server can"),
        "pg_execute_server_program" => worst("runs programs on the server's host"),
        "pg_create_subscription" => worst("reaches other systems from the server"),
        predefined if predefined.starts_with("pg_") => unlisted(),
        _ => nothing("is worth the rights listed beside it"),
    }
}

/// An owner may do everything to what it owns, let others do it, and change what runs for others.
fn owner(kind: &Kind, sensitivity: Sensitivity) -> Worth {
    let scope = match kind {
        Kind::Table
        | Kind::Column
        | Kind::Sequence
        | Kind::Type
        | Kind::LargeObject
        | Kind::Function(Runs::AsCaller) => Scope::Object,
        Kind::Schema | Kind::Database => Scope::Resource,
        _ => return worst("an owner may change it, replace it and give it away"),
    };
    say(
        degrading(&security(scope).join(&reads(sensitivity, scope))),
        "an owner may change it, drop it and give it away",
    )
}

fn table(word: &str, sensitivity: Sensitivity) -> Worth {
    match word {
        "SELECT" => say(reads(sensitivity, Scope::Object), read_reason(sensitivity)),
        "INSERT" => say(changes(Scope::Object), "adds rows"),
        "UPDATE" => say(degrading(&changes(Scope::Object)), "changes and locks rows"),
        "DELETE" => say(degrading(&changes(Scope::Object)), "deletes rows"),
        "TRUNCATE" => say(degrading(&changes(Scope::Object)), "empties the table"),
        "REFERENCES" => say(
            degrading(&changes(Scope::Object)),
            "adds constraints that stop others from writing",
        ),
        "TRIGGER" => say(
            security(Scope::Resource),
            "adds code that runs with the rights of whoever writes",
        ),
        "MAINTAIN" => say(degrading(&changes(Scope::Object)), "rewrites and locks it"),
        _ => unlisted(),
    }
}

const fn read_reason(sensitivity: Sensitivity) -> &'static str {
    match sensitivity {
        Sensitivity::Internal => "reads internal data",
        Sensitivity::Sensitive => "reads data labelled sensitive",
        Sensitivity::Secret => "reads data labelled secret",
    }
}

fn system_catalog(word: &str) -> Worth {
    match word {
        "SELECT" => say(
            secret(Scope::Resource),
            "PostgreSQL keeps this catalog from ordinary roles: it may hold password hashes or keys",
        ),
        _ => worst("changes the server's own catalogs"),
    }
}

fn sequence(word: &str) -> Worth {
    match word {
        "SELECT" => say(
            Impact {
                discloses: Disclosure::Internal,
                amount: Amount::Bounded,
                scope: Scope::Object,
                ..Impact::nothing()
            },
            "reads a counter",
        ),
        "USAGE" | "UPDATE" => say(changes(Scope::Object), "advances a counter"),
        _ => unlisted(),
    }
}

/// C code of these extensions touches nothing but its arguments, the database as its caller may, and
/// the source of randomness. Only a superuser or the extension's script can add C code to one.
const HARMLESS_EXTENSIONS: &[&str] = &[
    "btree_gin",
    "btree_gist",
    "citext",
    "cube",
    "earthdistance",
    "fuzzystrmatch",
    "hstore",
    "intarray",
    "isn",
    "ltree",
    "pg_trgm",
    "pgcrypto",
    "seg",
    "tablefunc",
    "unaccent",
    "uuid-ossp",
];

fn function(word: &str, runs: &Runs) -> Worth {
    if word != "EXECUTE" {
        return unlisted();
    }
    match runs {
        Runs::AsCaller => nothing("runs with the caller's own rights"),
        Runs::Extension(name) if HARMLESS_EXTENSIONS.contains(&name.as_str()) => {
            nothing("a listed extension that stays within the caller's rights")
        }
        Runs::Extension(_) => worst("code of an extension nobody listed: it may do anything"),
        Runs::AsOwner(_) => worst("does whatever its owner may, for everybody who calls it"),
        Runs::AsServer(_) => worst("code inside the server process: it may do anything"),
        Runs::BuiltIn => worst("PostgreSQL keeps this function from ordinary roles"),
    }
}

fn large_object(word: &str, sensitivity: Sensitivity) -> Worth {
    match word {
        "SELECT" => say(reads(sensitivity, Scope::Object), read_reason(sensitivity)),
        "UPDATE" => say(changes(Scope::Object), "overwrites it"),
        _ => unlisted(),
    }
}

fn database(word: &str) -> Worth {
    match word {
        "CONNECT" => nothing("lets an account log in"),
        "TEMPORARY" => nothing("keeps tables for the length of a session"),
        "CREATE" => say(changes(Scope::Resource), "creates schemas and extensions"),
        _ => unlisted(),
    }
}

fn schema(word: &str) -> Worth {
    match word {
        "USAGE" => nothing("looks up names"),
        "CREATE" => say(
            changes(Scope::Resource),
            "creates objects that others may use",
        ),
        _ => unlisted(),
    }
}

fn unlisted() -> Worth {
    worst("a right nobody listed")
}

const fn say(impact: Impact, why: &'static str) -> Worth {
    Worth { impact, why }
}

const fn worst(why: &'static str) -> Worth {
    say(Impact::worst(), why)
}

const fn nothing(why: &'static str) -> Worth {
    say(Impact::nothing(), why)
}

/// Showing data without a special label can be lived with; showing any other cannot be undone.
fn reads(sensitivity: Sensitivity, scope: Scope) -> Impact {
    let discloses = match sensitivity {
        Sensitivity::Internal => Disclosure::Internal,
        Sensitivity::Sensitive => Disclosure::Sensitive,
        Sensitivity::Secret => Disclosure::Secret,
    };
    Impact {
        discloses,
        amount: Amount::Unbounded,
        reversible: sensitivity == Sensitivity::Internal,
        scope,
        ..Impact::nothing()
    }
}

fn secret(scope: Scope) -> Impact {
    reads(Sensitivity::Secret, scope)
}

/// Rows overwritten or deleted are not to be had back from the server.
const fn changes(scope: Scope) -> Impact {
    Impact {
        changes_state: true,
        reversible: false,
        scope,
        ..Impact::nothing()
    }
}

const fn security(scope: Scope) -> Impact {
    Impact {
        alters_security: true,
        ..changes(scope)
    }
}

fn degrading(impact: &Impact) -> Impact {
    let slower = Impact {
        degrades_service: true,
        scope: Scope::Resource,
        ..Impact::nothing()
    };
    impact.join(&slower)
}
