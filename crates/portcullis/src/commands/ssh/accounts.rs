//! Which accounts of a target somebody can name, and which one plain `ssh TARGET` means.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::client::{Api, ApiError};
use crate::output::text;

/// The accounts that somebody holds a grant for, by the target's name.
#[derive(Debug, Default)]
pub(super) struct Held(BTreeMap<String, BTreeSet<String>>);

impl Held {
    pub(super) async fn by_caller(api: &Api) -> Result<Self, ApiError> {
        let me = text(&api.get("/whoami").await?, "/name");
        let grants = api.list("/grants").await?;
        Ok(Self::read(&me, &grants))
    }

    fn read(me: &str, grants: &Value) -> Self {
        let mut held = BTreeMap::<String, BTreeSet<String>>::new();
        for grant in grants.as_array().into_iter().flatten() {
            let account = text(grant, "/intent/action/params/account");
            let counts = text(grant, "/holder") == me && text(grant, "/status") == "active";
            if counts && is_name(&account) {
                let target = text(grant, "/resource_name");
                held.entry(target).or_default().insert(account);
            }
        }
        Self(held)
    }
}

/// A target's accounts.
#[derive(Debug)]
pub(super) struct Accounts {
    /// The target's name.
    pub(super) target: String,
    default: String,
    offered: BTreeSet<String>,
    held: BTreeSet<String>,
}

impl Accounts {
    /// Those of a resource that is logged in to; nothing for other kinds, and for what has a name that would mean
    /// something else in a configuration: a pattern, an option, a line.
    pub(super) fn of(resource: &Value, held: &Held) -> Option<Self> {
        let accounts = resource.pointer("/accounts")?.as_array()?;
        let mut accounts = accounts
            .iter()
            .filter_map(Value::as_str)
            .filter(|account| is_name(account));
        let default = accounts.next()?;
        let target = text(resource, "/name");
        if !is_name(&target) {
            return None;
        }
        Some(Self {
            default: default.to_owned(),
            offered: accounts.map(str::to_owned).collect(),
            held: held.0.get(&target).cloned().unwrap_or_default(),
            target,
        })
    }

    /// What plain `ssh TARGET` means: the target's own account, unless only others are held. Without any
    /// grant the door says what to ask for.
    pub(super) fn plain(&self) -> &str {
        match self.held.first() {
            Some(first) if !self.held.contains(&self.default) => first,
            _ => &self.default,
        }
    }

    /// All that can be named, when there is a choice.
    pub(super) fn choice(&self) -> BTreeSet<&str> {
        let default = std::iter::once(&self.default);
        let all: BTreeSet<_> = default
            .chain(&self.offered)
            .chain(&self.held)
            .map(String::as_str)
            .collect();
        if all.len() > 1 { all } else { BTreeSet::new() }
    }
}

/// Whether a text is a name and nothing else, for a shell as for OpenSSH.
fn is_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    text.bytes().all(fits) && !text.is_empty() && !text.starts_with('-')
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    fn grant(holder: &str, account: &str, status: &str) -> Value {
        json!({
            "holder": holder, "status": status, "resource_name": "web-1",
            "intent": { "action": { "name": "shell", "params": { "account": account } } },
        })
    }

    fn accounts(grants: &[Value]) -> Accounts {
        let web = json!({ "name": "web-1", "accounts": ["root", "deploy"] });
        Accounts::of(&web, &Held::read("rosa", &json!(grants))).unwrap()
    }

    #[test]
    fn without_a_grant_the_plain_name_means_the_targets_own_account() {
        let web = accounts(&[]);
        assert_eq!(web.plain(), "root");
        assert_eq!(web.choice(), ["deploy", "root"].into());
    }

    #[test]
    fn with_grants_for_others_only_it_means_one_of_those() {
        let others = [
            grant("rosa", "deploy", "active"),
            grant("rosa", "www", "active"),
        ];
        let web = accounts(&others);
        assert_eq!(web.plain(), "deploy");
        assert_eq!(web.choice(), ["deploy", "root", "www"].into());
        let both = [
            grant("rosa", "deploy", "active"),
            grant("rosa", "root", "active"),
        ];
        assert_eq!(accounts(&both).plain(), "root");
    }

    #[test]
    fn grants_of_others_and_grants_that_ended_do_not_count() {
        let none = [
            grant("olaf", "deploy", "active"),
            grant("rosa", "deploy", "revoked"),
        ];
        assert_eq!(accounts(&none).plain(), "root");
    }

    #[test]
    fn a_server_that_names_a_pattern_an_option_or_a_line_adds_none_to_a_configuration() {
        for bad in ["*", "a b", "-oProxyCommand=x", "root\n  ProxyCommand x", ""] {
            let named = json!({ "name": bad, "accounts": ["root"] });
            assert!(Accounts::of(&named, &Held::default()).is_none(), "{bad:?}");
            let offered = json!({ "name": "web-1", "accounts": ["root", bad] });
            let offered = Accounts::of(&offered, &Held::default()).unwrap();
            assert!(offered.choice().is_empty(), "{bad:?}");
            let alone = json!({ "name": "web-1", "accounts": [bad] });
            assert!(Accounts::of(&alone, &Held::default()).is_none(), "{bad:?}");
            let held = Held::read("rosa", &json!([grant("rosa", bad, "active")]));
            assert!(held.0.is_empty(), "{bad:?}");
        }
    }

    #[test]
    fn a_target_with_one_account_leaves_no_choice_and_a_database_has_none() {
        let lone = json!({ "name": "web-2", "accounts": ["root"] });
        let lone = Accounts::of(&lone, &Held::default()).unwrap();
        assert!(lone.choice().is_empty());
        let database = json!({ "name": "analytics", "offers": ["read"] });
        assert!(Accounts::of(&database, &Held::default()).is_none());
    }
}
