//! Passwords that sshd asks for.

use portcullis_model::{DoorKind, SideDoor};

use super::door;
use crate::ask::Ask;
use crate::known::Known;
use crate::settings::Settings;

pub(super) fn asks(_known: &Known) -> Vec<Ask> {
    vec![Ask::Passwords]
}

pub(super) fn doors(known: &Known) -> Vec<SideDoor> {
    let lines = known.lines(&Ask::Passwords);
    let entries = lines.iter().filter_map(|line| line.split_once(' '));
    let accounts = known.accounts().into_iter();
    let here = accounts.filter_map(|account| {
        let is_set = account.password?;
        Some((account.name, if is_set { "set" } else { "empty" }))
    });
    entries
        .chain(here)
        .filter_map(|(account, what)| {
            let settings = known.settings(account)?;
            let asked = asked_for(&settings, account)?;
            match what {
                "set" => Some(door(
                    DoorKind::Password,
                    account,
                    asked,
                    "it has a password",
                )),
                "empty" if settings.is_on("permitemptypasswords") => {
                    let what = "its password is empty, and that is let in";
                    Some(door(DoorKind::Password, account, asked, what))
                }
                _ => None,
            }
        })
        .collect()
}

/// The setting by which an account's password opens.
fn asked_for(settings: &Settings<'_>, account: &str) -> Option<&'static str> {
    if account == "root" && settings.get("permitrootlogin") != Some("yes") {
        return None;
    }
    if settings.is_on("passwordauthentication") {
        return Some("PasswordAuthentication");
    }
    let by_pam = settings.is_on("kbdinteractiveauthentication") && settings.is_on("usepam");
    by_pam.then_some("KbdInteractiveAuthentication")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::known::tests::known;

    fn whom(settings: &str) -> Vec<String> {
        let seen = known(&[
            (Ask::Passwords, "root set\nolaf set\nguest empty"),
            (Ask::Settings("root".to_owned()), settings),
        ]);
        doors(&seen).into_iter().map(|door| door.whom).collect()
    }

    #[test]
    fn a_password_is_a_door_where_sshd_asks_for_it() {
        let all = "passwordauthentication yes\npermitrootlogin yes\npermitemptypasswords yes\n";
        assert_eq!(whom(all), ["root", "olaf", "guest"]);
        assert_eq!(
            whom("passwordauthentication yes\npermitrootlogin without-password\n"),
            ["olaf"]
        );
        assert_eq!(
            whom("passwordauthentication no\nkbdinteractiveauthentication yes\nusepam yes\n"),
            ["olaf"]
        );
    }

    #[test]
    fn a_password_that_nothing_asks_for_is_none() {
        let none = "passwordauthentication no\nkbdinteractiveauthentication yes\nusepam no\n";
        assert!(whom(none).is_empty());
    }
}
