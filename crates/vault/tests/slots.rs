//! Key slots: what opens them, what does not and why, and the rules of the set.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    reason = "tests"
)]

mod world;

use portcullis_model::{Digest, InstallationId, Secret, Timestamp};
use portcullis_vault::slot::Passphrase;
use portcullis_vault::{
    Custody, InstallationRoot, KdfCost, Slot, SlotError, SlotKind, SlotProblem, Slots,
};
use world::{counted, id, installation, root};

const WORDS: &str = "correct horse battery staple";

fn words(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

/// The cheapest that is allowed.
fn cheap() -> KdfCost {
    KdfCost::new(19 * 1024, 2, 1).unwrap()
}

fn by_passphrase(label: &str, root: &InstallationRoot, installation: InstallationId) -> Slot {
    let by = Passphrase {
        installation,
        text: &words(WORDS),
        cost: cheap(),
    };
    let made_at = Timestamp::from_millis(1_795_000_000_000);
    Slot::from_passphrase(label, made_at, root, &by, &mut counted(3)).unwrap()
}

fn by_age(label: &str, custody: Custody) -> Slot {
    let kind = SlotKind::new("age").unwrap();
    let wrapped = format!("age-encryption.org/v1 {label}");
    Slot::from_sealer(
        kind,
        label,
        custody,
        Timestamp::default(),
        wrapped.as_bytes(),
    )
    .unwrap()
}

fn slots() -> Slots {
    let root = root(1);
    let offline = by_passphrase("safe", &root, installation());
    Slots::new(
        installation(),
        &root,
        vec![by_age("machine", Custody::Online), offline],
    )
    .unwrap()
}

/// The stored set with one slot's bytes changed, and the checksum recomputed if wanted.
fn rewritten(slots: &Slots, label: &str, recompute: bool, change: impl Fn(&mut Vec<u8>)) -> Slots {
    use base64::Engine as _;
    let base64 = base64::engine::general_purpose::STANDARD;
    let mut json: serde_json::Value = serde_json::from_str(&slots.to_json().unwrap()).unwrap();
    for slot in json["slots"].as_array_mut().unwrap() {
        if slot["label"] == label {
            let mut blob = base64.decode(slot["blob"].as_str().unwrap()).unwrap();
            change(&mut blob);
            if recompute {
                let body = blob.len() - 32;
                let sum = Digest::of_bytes(&blob[..body]);
                blob[body..].copy_from_slice(sum.as_bytes());
            }
            slot["blob"] = base64.encode(&blob).into();
        }
    }
    Slots::from_json(&json.to_string()).unwrap()
}

/// Where the parts of a passphrase slot begin.
mod at {
    pub const MEMORY: usize = 5 + 1 + 10 + 4;
    pub const SALT: usize = MEMORY + 12;
    pub const INSTALLATION: usize = SALT + 16 + 1;
    pub const CHECK: usize = INSTALLATION + 30;
    pub const WRAP: usize = CHECK + 32;
}

#[test]
fn the_right_passphrase_opens_the_slot_after_a_trip_through_json() {
    let read = Slots::from_json(&slots().to_json().unwrap()).unwrap();
    let opened = read.open_with_passphrase("safe", &words(WORDS)).unwrap();
    assert_eq!(
        opened.expose_to_slot_sealer(),
        root(1).expose_to_slot_sealer()
    );
    assert_eq!(read.check(), []);
}

#[test]
fn a_wrong_passphrase_is_called_that() {
    let given = words("correct horse battery stapler");
    assert_eq!(
        slots().open_with_passphrase("safe", &given).unwrap_err(),
        SlotError::WrongPassphrase {
            label: "safe".into()
        }
    );
}

#[test]
fn a_decayed_slot_is_called_damaged_whatever_the_passphrase() {
    for place in [
        at::SALT,
        at::INSTALLATION,
        at::CHECK,
        at::WRAP,
        at::WRAP + 60,
    ] {
        let decayed = rewritten(&slots(), "safe", false, |blob| blob[place] ^= 1);
        for given in [WORDS, "some other passphrase"] {
            assert_eq!(
                decayed
                    .open_with_passphrase("safe", &words(given))
                    .unwrap_err(),
                SlotError::Damaged {
                    label: "safe".into()
                },
                "byte {place}"
            );
        }
        assert!(decayed.check().contains(&SlotProblem::Damaged {
            label: "safe".into()
        }));
    }
}

#[test]
fn every_flipped_byte_of_a_slot_is_refused() {
    let slots = slots();
    for label in ["machine", "safe"] {
        let len = std::cell::Cell::new(0);
        rewritten(&slots, label, false, |blob| len.set(blob.len()));
        for place in 0..len.get() {
            let flipped = rewritten(&slots, label, false, |blob| blob[place] ^= 0x11);
            assert!(
                flipped.get(label).unwrap().wrapped().is_err(),
                "{label}, byte {place} of {}",
                len.get()
            );
        }
    }
}

#[test]
fn every_cut_of_a_slot_is_refused() {
    let slots = slots();
    for len in [0, 1, 4, 5, 6, 15, 19, 20, 60, 150, 200] {
        let cut = rewritten(&slots, "safe", false, |blob| blob.truncate(len));
        let error = cut.open_with_passphrase("safe", &words(WORDS)).unwrap_err();
        assert!(
            matches!(error, SlotError::Format { .. }),
            "{len}: {error:?}"
        );
        assert!(error.to_string().contains("cut short"), "{error}");
    }
}

#[test]
fn a_slot_rewritten_with_a_fresh_checksum_never_gives_another_root() {
    let wrap = rewritten(&slots(), "safe", true, |blob| blob[at::WRAP + 20] ^= 1);
    assert_eq!(
        wrap.open_with_passphrase("safe", &words(WORDS))
            .unwrap_err(),
        SlotError::Altered {
            label: "safe".into()
        }
    );
    for place in [at::SALT, at::CHECK] {
        let changed = rewritten(&slots(), "safe", true, |blob| blob[place] ^= 1);
        assert_eq!(
            changed
                .open_with_passphrase("safe", &words(WORDS))
                .unwrap_err(),
            SlotError::WrongPassphrase {
                label: "safe".into()
            }
        );
    }
}

#[test]
fn a_slot_rewritten_to_cost_a_terabyte_is_refused_before_any_is_taken() {
    let dear = rewritten(&slots(), "safe", true, |blob| blob[at::MEMORY] = 0x40);
    assert!(matches!(
        dear.open_with_passphrase("safe", &words(WORDS)),
        Err(SlotError::CostOutOfRange { .. })
    ));
}

#[test]
fn costs_have_limits_on_both_sides() {
    assert!(KdfCost::new(19 * 1024, 2, 1).is_ok());
    assert!(KdfCost::new(1024 * 1024, 64, 16).is_ok());
    for (memory, passes, lanes) in [
        (19 * 1024 - 1, 2, 1),
        (1024 * 1024 + 1, 2, 1),
        (19 * 1024, 1, 1),
        (19 * 1024, 65, 1),
        (19 * 1024, 2, 0),
        (19 * 1024, 2, 17),
    ] {
        assert!(KdfCost::new(memory, passes, lanes).is_err());
    }
}

#[test]
fn a_slot_of_another_installation_is_named() {
    let stranger = by_passphrase("safe", &root(1), id(8));
    let error = stranger
        .open_with_passphrase(installation(), &words(WORDS))
        .unwrap_err();
    assert!(matches!(error, SlotError::OtherInstallation { .. }));
}

#[test]
fn a_root_of_another_installation_is_not_recognised() {
    let slots = slots();
    assert_eq!(slots.recognise(&root(1)), Ok(()));
    assert_eq!(
        slots.recognise(&root(2)),
        Err(SlotError::WrongRoot {
            installation: installation()
        })
    );
    let mut slots = slots;
    slots
        .add(by_passphrase("other", &root(2), installation()))
        .unwrap();
    assert!(matches!(
        slots.open_with_passphrase("other", &words(WORDS)),
        Err(SlotError::WrongRoot { .. })
    ));
}

#[test]
fn a_kind_changed_in_the_record_is_noticed() {
    let json = slots()
        .to_json()
        .unwrap()
        .replacen("\"age\"", "\"passphrase\"", 1);
    let swapped = Slots::from_json(&json).unwrap();
    assert!(matches!(
        swapped.open_with_passphrase("machine", &words(WORDS)),
        Err(SlotError::KindMismatch { .. })
    ));
}

#[test]
fn a_passphrase_does_not_open_what_something_else_opens() {
    assert!(matches!(
        slots().open_with_passphrase("machine", &words(WORDS)),
        Err(SlotError::NotByPassphrase { .. })
    ));
    assert!(matches!(
        slots().open_with_passphrase("nowhere", &words(WORDS)),
        Err(SlotError::NoSuchSlot { .. })
    ));
}

#[test]
fn a_sealer_gets_back_what_it_wrapped() {
    let slots = slots();
    assert_eq!(
        slots.get("machine").unwrap().wrapped().unwrap(),
        b"age-encryption.org/v1 machine"
    );
}

#[test]
fn a_short_passphrase_is_refused() {
    let by = |text: &str| {
        let text = words(text);
        let by = Passphrase {
            installation: installation(),
            text: &text,
            cost: cheap(),
        };
        Slot::from_passphrase("x", Timestamp::default(), &root(1), &by, &mut counted(3)).err()
    };
    assert_eq!(by("elevenchars"), Some(SlotError::WeakPassphrase));
    assert_eq!(by("twelve chars"), None);
}

#[test]
fn an_installation_begins_with_two_slots_of_which_one_is_offline() {
    let root = root(1);
    let refused = |slots: Vec<Slot>| match Slots::new(installation(), &root, slots).unwrap_err() {
        SlotError::Insufficient(problems) => problems,
        other => panic!("{other}"),
    };
    let safe = || by_passphrase("safe", &root, installation());
    assert_eq!(refused(vec![safe()]), [SlotProblem::TooFew { have: 1 }]);
    assert_eq!(
        refused(vec![
            by_age("one", Custody::Online),
            by_age("two", Custody::Online)
        ]),
        [SlotProblem::NoneOffline]
    );
    assert_eq!(
        refused(vec![]),
        [SlotProblem::TooFew { have: 0 }, SlotProblem::NoneOffline]
    );
    assert_eq!(
        refused(vec![safe(), safe()]),
        [
            SlotProblem::SameLabel {
                label: "safe".into()
            },
            SlotProblem::SameContents {
                first: "safe".into(),
                copy: "safe".into()
            },
            SlotProblem::TooFew { have: 1 },
        ]
    );
}

#[test]
fn a_slot_is_removed_only_if_two_remain_and_one_is_offline() {
    let mut slots = slots();
    let before = slots.clone();
    let error = slots.remove("machine").unwrap_err();
    assert_eq!(
        error,
        SlotError::Insufficient(vec![SlotProblem::TooFew { have: 1 }])
    );
    assert!(error.to_string().contains("add a slot"), "{error}");
    slots.add(by_age("spare", Custody::Online)).unwrap();
    assert_eq!(
        slots.remove("safe").unwrap_err(),
        SlotError::Insufficient(vec![SlotProblem::NoneOffline])
    );
    assert_eq!(slots.remove("spare").unwrap().label(), "spare");
    assert_eq!(slots, before);
}

#[test]
fn a_damaged_slot_does_not_count_and_can_be_replaced() {
    let mut slots = rewritten(&slots(), "machine", false, |blob| blob[25] ^= 1);
    assert_eq!(
        slots.check(),
        [
            SlotProblem::Damaged {
                label: "machine".into()
            },
            SlotProblem::TooFew { have: 1 }
        ]
    );
    assert!(matches!(
        slots.add(by_age("machine", Custody::Online)),
        Err(SlotError::DuplicateLabel { .. })
    ));
    slots.add(by_age("machine-2", Custody::Online)).unwrap();
    slots.remove("machine").unwrap();
    assert_eq!(slots.check(), []);
}

#[test]
fn labels_and_kinds_are_plain() {
    let made = |label: &str| {
        let kind = SlotKind::new("age").unwrap();
        Slot::from_sealer(kind, label, Custody::Online, Timestamp::default(), b"x")
    };
    assert!(made("Büro, 2. Stock").is_ok());
    for bad in ["", "a\nb", &"x".repeat(65)] {
        assert_eq!(made(bad).unwrap_err(), SlotError::Label);
    }
    for bad in ["", "Age", "a b", &"x".repeat(33)] {
        assert!(SlotKind::new(bad).is_err());
    }
}

#[test]
fn a_stored_set_that_is_no_set_is_refused_with_the_reason() {
    let good = slots().to_json().unwrap();
    for (bad, words) in [
        (
            good.replace("\"version\": 1", "\"version\": 2"),
            "version 2",
        ),
        (good.replace("\"label\"", "\"lable\""), "lable"),
        (good[..good.len() - 2].to_owned(), "EOF"),
        (
            good.replace("\"recognition\": \"", "\"recognition\": \"A"),
            "recognition",
        ),
        (good.replace("\"offline\"", "\"cloud\""), "cloud"),
        (String::from("[]"), "stored slots"),
    ] {
        let error = Slots::from_json(&bad).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}
