//! Signed notes, checkpoints, cosignatures and the keys of both.

use portcullis_ledger::{Checkpoint, Note, NoteVerifier, SignedCheckpoint, WitnessKey};

use crate::fixed::{LOGS, signer, witness};

pub(crate) fn check(bytes: &[u8]) {
    if let Ok(note) = Note::parse(bytes) {
        assert_eq!(
            note.to_string().as_bytes(),
            bytes,
            "a note has one spelling"
        );
    }
    opened(bytes);
    cosigned(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        checkpoint(text);
        if let Ok(key) = NoteVerifier::parse(text) {
            assert_eq!(key.to_string(), text, "a key has one spelling");
        }
        if let Ok(key) = WitnessKey::parse(text) {
            assert_eq!(key.to_string(), text, "a key has one spelling");
        }
    }
}

/// Nothing opens with the log's key but what the log signed.
fn opened(bytes: &[u8]) {
    let keys = [signer().verifier().clone()];
    let Ok(signed) = SignedCheckpoint::open(bytes, &keys) else {
        return;
    };
    let ours = |log: &crate::fixed::Log| log.signed.note().text() == signed.note().text();
    assert!(
        LOGS.iter().any(ours),
        "a checkpoint opens that nobody signed"
    );
    let Ok(seen) = signed.cosignatures(&[witness().key().clone()]) else {
        return;
    };
    for cosignature in seen {
        let line = witness().cosign(&signed, cosignature.time);
        let told = signed.note().to_string();
        assert!(told.contains(line.trim_end()), "a witness did not say this");
    }
}

/// A witness's answer is believed only if it is what the witness signs, whatever stands beside it.
fn cosigned(bytes: &[u8]) {
    let [_, log] = &*LOGS;
    let witness = witness();
    if let Ok(with) = log.signed.with_word(bytes, witness.key()) {
        let seen = with.cosignatures(std::slice::from_ref(witness.key()));
        let times: Vec<_> = seen.into_iter().flatten().map(|seen| seen.time).collect();
        assert!(!times.is_empty(), "a word was taken that does not hold");
        for time in times {
            let line = witness.cosign(&log.signed, time);
            let said = String::from_utf8_lossy(bytes);
            assert!(said.contains(line.trim_end()), "a witness did not say this");
        }
    }
}

fn checkpoint(text: &str) {
    if let Ok(checkpoint) = Checkpoint::parse(text) {
        let body = checkpoint.body();
        assert!(text.starts_with(&body), "a checkpoint has one spelling");
        assert_eq!(Checkpoint::parse(&body).as_ref(), Ok(&checkpoint));
    }
}

#[cfg(test)]
pub(crate) fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let [small, large] = &*LOGS;
    let witness = witness();
    let word = witness.cosign(&large.signed, 1_795_000_000);
    let with = large
        .signed
        .with_word(word.as_bytes(), witness.key())
        .unwrap();
    vec![
        ("note", small.signed.note().to_string().into_bytes()),
        ("cosigned", with.note().to_string().into_bytes()),
        ("word", word.into_bytes()),
        ("checkpoint", large.signed.checkpoint().body().into_bytes()),
        ("key", signer().verifier().to_string().into_bytes()),
        ("witness-key", witness.key().to_string().into_bytes()),
    ]
}
