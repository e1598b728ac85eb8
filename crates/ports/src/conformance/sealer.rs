//! What every sealer must do.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a suite tells a failure by panicking in the test that calls it"
)]

use portcullis_model::Secret;

use crate::{Sealer, SealerError};

/// Runs all of it.
pub fn sealer(sealer: &dyn Sealer) {
    only_the_recipient_opens(sealer);
    any_change_is_noticed(sealer);
    nonsense_is_refused_without_showing_it(sealer);
}

fn only_the_recipient_opens(sealer: &dyn Sealer) {
    let ((ours, recipient), (theirs, other)) = (sealer.generate(), sealer.generate());
    assert_ne!(recipient, other);
    for plain in [&b""[..], b"0123456789abcdef0123456789abcdef", &[0; 100_000]] {
        let sealed = sealer.seal(&recipient, plain).unwrap();
        assert_eq!(sealer.open(&ours, &sealed).unwrap().expose(), plain);
        assert!(matches!(
            sealer.open(&theirs, &sealed),
            Err(SealerError::NotForUs)
        ));
        assert_ne!(
            sealer.seal(&recipient, plain).unwrap(),
            sealed,
            "sealing twice shows nothing"
        );
    }
}

fn any_change_is_noticed(sealer: &dyn Sealer) {
    let (identity, recipient) = sealer.generate();
    let plain = b"the root key of an installation";
    let sealed = sealer.seal(&recipient, plain).unwrap();
    assert!(!sealed.windows(plain.len()).any(|part| part == plain));
    for place in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[place] ^= 1;
        assert!(
            sealer.open(&identity, &changed).is_err(),
            "byte {place} was changed"
        );
        assert!(
            sealer.open(&identity, &sealed[..place]).is_err(),
            "cut at byte {place}"
        );
    }
    let last = sealed.len() - 1;
    let mut changed = sealed.clone();
    changed[last] ^= 1;
    for damaged in [&changed[..], &sealed[..last], b"", b"no sealed bytes"] {
        assert!(matches!(
            sealer.open(&identity, damaged),
            Err(SealerError::Damaged(_))
        ));
    }
}

fn nonsense_is_refused_without_showing_it(sealer: &dyn Sealer) {
    let (identity, recipient) = sealer.generate();
    let malformed = sealer.seal("nobody", b"x").unwrap_err();
    assert!(matches!(malformed, SealerError::Malformed { .. }));
    assert!(malformed.to_string().contains("nobody"));
    let secret = identity.expose().as_str();
    assert!(
        sealer.seal(secret, b"x").is_err(),
        "an identity is no recipient"
    );
    let sealed = sealer.seal(&recipient, b"x").unwrap();
    let cut = &secret[..secret.len() - 1];
    let refused = sealer
        .open(&Secret::new(cut.to_owned()), &sealed)
        .unwrap_err();
    assert!(matches!(refused, SealerError::Malformed { .. }));
    assert!(!refused.to_string().contains(cut));
}
