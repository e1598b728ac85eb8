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
    let long = vec![0; 100_000];
    for plain in [
        &b""[..],
        b"0123456789abcdef0123456789abcdef",
        long.as_slice(),
    ] {
        let wrapped = sealer.seal(&recipient, plain).unwrap();
        assert_eq!(sealer.open(&ours, &wrapped).unwrap().expose(), plain);
        assert!(matches!(
            sealer.open(&theirs, &wrapped),
            Err(SealerError::NotForUs)
        ));
        assert_ne!(
            sealer.seal(&recipient, plain).unwrap(),
            wrapped,
            "sealing twice shows nothing"
        );
    }
}

fn any_change_is_noticed(sealer: &dyn Sealer) {
    let (identity, recipient) = sealer.generate();
    let plain = b"the root key of an installation";
    let wrapped = sealer.seal(&recipient, plain).unwrap();
    assert!(!wrapped.windows(plain.len()).any(|part| part == plain));
    for place in 0..wrapped.len() {
        let mut changed = wrapped.clone();
        changed[place] ^= 1;
        assert!(
            sealer.open(&identity, &changed).is_err(),
            "byte {place} was changed"
        );
        assert!(
            sealer.open(&identity, &wrapped[..place]).is_err(),
            "cut at byte {place}"
        );
    }
    let last = wrapped.len() - 1;
    let mut changed = wrapped.clone();
    changed[last] ^= 1;
    for damaged in [&changed[..], &wrapped[..last], b"", b"no wrapped bytes"] {
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
    let wrapped = sealer.seal(&recipient, b"x").unwrap();
    let mut cut = secret.to_owned();
    cut.pop();
    let refused = sealer
        .open(&Secret::new(cut.clone()), &wrapped)
        .unwrap_err();
    assert!(matches!(refused, SealerError::Malformed { .. }));
    assert!(!refused.to_string().contains(&cut));
}
