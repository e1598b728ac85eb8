//! What a user name says: `ACCOUNT@TARGET`, in a grammar with one reading. Never who somebody is.

use portcullis_ports::control::Login;

const LONGEST: usize = 64;

/// Reads a user name; nothing when it is anything else than an account, one `@`, and a target.
pub fn parse(user: &str) -> Option<Login> {
    let (account, target) = user.split_once('@')?;
    (is_account(account) && is_target(target)).then(|| Login {
        account: account.to_owned(),
        target: target.to_owned(),
    })
}

/// An account's name: letters, digits, `_`, `.` and `-`; no dot or hyphen first.
pub fn is_account(name: &str) -> bool {
    fits(name, |byte| byte.is_ascii_alphanumeric(), b"_")
}

/// A resource's name: the same in lower case; a letter or digit first.
fn is_target(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    fits(name, plain, b"") && !name.ends_with(['.', '-'])
}

fn fits(name: &str, plain: fn(u8) -> bool, also_first: &[u8]) -> bool {
    let first = |byte: &u8| plain(*byte) || also_first.contains(byte);
    name.len() <= LONGEST
        && name.as_bytes().first().is_some_and(first)
        && name
            .bytes()
            .all(|byte| plain(byte) || b"_.-".contains(&byte))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn an_account_and_a_target_are_read() {
        for (user, account, target) in [
            ("root@web-1", "root", "web-1"),
            ("_apt@db.example", "_apt", "db.example"),
            ("Ana.B-c_9@x", "Ana.B-c_9", "x"),
        ] {
            let login = parse(user).unwrap();
            assert_eq!(
                (login.account.as_str(), login.target.as_str()),
                (account, target)
            );
        }
    }

    #[test]
    fn anything_else_is_not_read() {
        let long = format!("{}@web", "a".repeat(65));
        for user in [
            "",
            "@",
            "root",
            "root@",
            "@web-1",
            "root@web-1@web-2",
            "root@Web-1",
            " root@web-1",
            "root @web-1",
            "root@web-1 ",
            "root@web-1\n",
            "root\0@web-1",
            "-oProxyCommand=x@web-1",
            ".@web-1",
            "root@-web",
            "root@web-",
            "root@../etc",
            "root@web/1",
            "röot@web-1",
            "root@web\u{200b}1",
            "root%web-1",
            &long,
        ] {
            assert!(parse(user).is_none(), "{user:?}");
        }
    }
}
