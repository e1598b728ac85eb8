//! Evidence files: what holds, and what each way of tampering is called.

use portcullis_ledger::{
    Checkpoint, CheckpointError, EvidenceError, EvidenceFile, GatherError, GrowthError,
    GrowthProof, Hash, NoteError, NoteSigner, NoteVerifier, ProofError, TlogProof, Trust,
    VerifyError, prove_consistency, verify_evidence, verify_growth,
};

use crate::memory::{Log, ORIGIN, leaf, signer};

const INDEXES: [u64; 4] = [3, 17, 18, 299];

fn keys() -> Vec<NoteVerifier> {
    vec![signer().verifier().clone()]
}

fn verify(text: &str) -> Result<portcullis_ledger::Verdict, VerifyError> {
    let keys = keys();
    let trust = Trust {
        keys: &keys,
        earlier: None,
        growth: None,
    };
    verify_evidence(text.as_bytes(), &trust)
}

fn verify_since(
    text: &str,
    earlier: &Checkpoint,
    growth: Option<&[Hash]>,
) -> Result<(), VerifyError> {
    let keys = keys();
    let trust = Trust {
        keys: &keys,
        earlier: Some(earlier),
        growth,
    };
    verify_evidence(text.as_bytes(), &trust).map(drop)
}

/// The text of one leaf with its proof, blank line included.
fn block(text: &str, index: u64) -> String {
    let start = text.find(&format!("leaf {index}\n")).unwrap();
    let length = text[start..].find("\n\n").unwrap() + 2;
    text[start..start + length].to_owned()
}

fn data_line(index: u64) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    format!("data {}\n", STANDARD.encode(leaf(index)))
}

#[test]
fn evidence_of_several_leaves_verifies_and_returns_them() {
    let log = Log::grown(300, 300);
    let verdict = verify(&log.evidence(&[299, 3, 17, 18, 17])).unwrap();
    let leaves: Vec<_> = verdict.leaves.iter().map(|leaf| leaf.index).collect();
    assert_eq!(leaves, INDEXES);
    assert_eq!(verdict.leaves[1].data, leaf(17));
    assert_eq!(*verdict.checkpoint.checkpoint(), log.checkpoint());
    assert_eq!(verdict.continues, None);
}

#[test]
fn any_flipped_bit_anywhere_in_the_file_is_refused() {
    let text = Log::grown(21, 21).evidence(&[3, 17]);
    assert!(verify(&text).is_ok());
    for at in 0..text.len() {
        for bit in 0..8 {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let keys = keys();
            let trust = Trust {
                keys: &keys,
                earlier: None,
                growth: None,
            };
            assert!(
                verify_evidence(&bytes, &trust).is_err(),
                "byte {at} bit {bit}"
            );
        }
    }
}

#[test]
fn a_file_cut_anywhere_is_called_truncated() {
    let text = Log::grown(21, 21).evidence(&[3, 17]);
    for length in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
        let error = verify(&text[..length]).unwrap_err();
        assert_eq!(
            error,
            VerifyError::File(EvidenceError::Truncated),
            "at {length}"
        );
    }
}

#[test]
fn an_altered_leaf_is_named_by_its_index() {
    let text = Log::grown(300, 300).evidence(&INDEXES);
    let altered = text.replace(&data_line(18), &data_line(19));
    assert_eq!(
        verify(&altered).unwrap_err(),
        VerifyError::LeafAltered { index: 18 }
    );
}

#[test]
fn a_leaf_altered_together_with_its_stated_hash_is_still_refused() {
    let log = Log::grown(300, 300);
    let text = log.evidence(&INDEXES);
    let hash = |index| portcullis_ledger::leaf_hash(&leaf(index)).to_string();
    let altered = text.replace(&data_line(18), &data_line(1000)).replace(
        &format!("hash {}", hash(18)),
        &format!("hash {}", hash(1000)),
    );
    assert_eq!(
        verify(&altered).unwrap_err(),
        VerifyError::ProofAltered { index: 18 }
    );
}

#[test]
fn a_dropped_leaf_and_an_added_one_are_named() {
    let text = Log::grown(300, 300).evidence(&INDEXES);
    let dropped = text.replace(&block(&text, 18), "");
    assert_eq!(
        verify(&dropped).unwrap_err(),
        VerifyError::File(EvidenceError::LeafDropped { index: 18 })
    );
    let added = text.replace("leaves 3 17 18 299", "leaves 3 17 299");
    assert_eq!(
        verify(&added).unwrap_err(),
        VerifyError::File(EvidenceError::LeafAdded { index: 18 })
    );
}

/// The file without some of its leaves, its list made to fit.
fn without(text: &str, dropped: &[u64]) -> String {
    let left = INDEXES.iter().filter(|index| !dropped.contains(index));
    let list = left.fold("leaves".to_owned(), |list, index| format!("{list} {index}"));
    let text = text.replace("leaves 3 17 18 299", &list);
    dropped.iter().fold(text.clone(), |left, index| {
        left.replace(&block(&text, *index), "")
    })
}

#[test]
fn leaves_dropped_together_with_their_place_in_the_list_are_noticed() {
    let text = Log::grown(300, 300).evidence(&INDEXES);
    assert!(verify(&without(&text, &[])).is_ok());
    for some in 1..15_u8 {
        let of_them = (0..).zip(INDEXES).filter(|(bit, _)| some & (1 << bit) != 0);
        let dropped: Vec<u64> = of_them.map(|(_, index)| index).collect();
        let error = verify(&without(&text, &dropped)).unwrap_err();
        assert!(
            matches!(error, VerifyError::ListAltered { .. }),
            "{dropped:?}: {error}"
        );
        assert!(error.to_string().contains("entries dropped"), "{error}");
    }
}

#[test]
fn a_shorter_list_counts_under_the_checkpoint_it_was_signed_for_and_no_later_one() {
    let (early, late) = (Log::grown(18, 18), Log::grown(300, 300));
    let (whole, part) = (late.evidence(&INDEXES), early.evidence(&[3, 17]));
    assert!(verify(&part).is_ok());
    let signature = |text: &str| text.lines().nth(3).unwrap().to_owned();
    let cut = without(&whole, &[18, 299]);
    let mixed = cut.replacen(&signature(&whole), &signature(&part), 1);
    assert_ne!(mixed, cut);
    assert!(matches!(
        verify(&mixed).unwrap_err(),
        VerifyError::ListAltered { .. }
    ));
}

#[test]
fn a_list_that_another_key_signed_does_not_count() {
    let text = Log::grown(300, 300).evidence(&INDEXES);
    let mallory = NoteSigner::from_seed(ORIGIN, &[8; 32]).unwrap();
    let log = Log::grown(300, 300);
    let signed = log.checkpoint().sign(&mallory).unwrap();
    let other = EvidenceFile::gather(&log.tiles, &signed, &mallory, &INDEXES).unwrap();
    let (own, other) = (text.lines().nth(3), other.to_string());
    let forged = text.replacen(own.unwrap(), other.lines().nth(3).unwrap(), 1);
    assert_ne!(forged, text);
    assert!(matches!(
        verify(&forged).unwrap_err(),
        VerifyError::ListAltered { .. }
    ));
}

#[test]
fn reordered_leaves_are_noticed_and_swapped_indexes_too() {
    let text = Log::grown(300, 300).evidence(&INDEXES);
    let (one, two) = (block(&text, 17), block(&text, 18));
    let swapped = text.replace(&format!("{one}{two}"), &format!("{two}{one}"));
    assert_eq!(
        verify(&swapped).unwrap_err(),
        VerifyError::File(EvidenceError::Reordered {
            index: 17,
            after: 18
        })
    );
    let relabelled = two.replace("leaf 18", "leaf 17") + &one.replace("leaf 17", "leaf 18");
    let relabelled = text.replace(&format!("{one}{two}"), &relabelled);
    assert_eq!(
        verify(&relabelled).unwrap_err(),
        VerifyError::ProofAltered { index: 17 }
    );
}

#[test]
fn proofs_too_short_and_too_long_say_so() {
    let text = Log::grown(300, 300).evidence(&INDEXES);
    let whole = block(&text, 17);
    let mut lines: Vec<&str> = whole.trim_end().lines().collect();
    let last = lines.pop().unwrap();
    let short = text.replace(&whole, &format!("{}\n\n", lines.join("\n")));
    assert!(matches!(
        verify(&short).unwrap_err(),
        VerifyError::Shape { index: 17, source: ProofError::TooShort { expected, found } }
            if found + 1 == expected
    ));
    lines.extend([last, last]);
    let long = text.replace(&whole, &format!("{}\n\n", lines.join("\n")));
    assert!(matches!(
        verify(&long).unwrap_err(),
        VerifyError::Shape { index: 17, source: ProofError::TooLong { expected, found } }
            if found == expected + 1
    ));
}

#[test]
fn a_checkpoint_signed_by_an_unknown_key_is_refused_even_if_the_file_shows_that_key() {
    let log = Log::grown(30, 30);
    let mallory = NoteSigner::from_seed(ORIGIN, &[8; 32]).unwrap();
    let signed = log.checkpoint().sign(&mallory).unwrap();
    let file = EvidenceFile::gather(&log.tiles, &signed, &mallory, &[3]).unwrap();
    let error = verify(&file.to_string()).unwrap_err();
    assert_eq!(
        error,
        VerifyError::Checkpoint(CheckpointError::Note(NoteError::UnknownKey {
            signed_by: vec![ORIGIN.to_owned()],
            trusted: 1
        }))
    );
    assert!(error.to_string().contains("signed by unknown key"));
}

#[test]
fn a_checkpoint_of_another_log_is_refused_even_if_a_trusted_key_signed_it() {
    let checkpoint = Checkpoint::new("other.example", 1, Hash::from_bytes([1; 32]));
    assert_eq!(
        checkpoint.sign(&signer()).unwrap_err(),
        CheckpointError::ForeignOrigin {
            origin: "other.example".to_owned()
        }
    );
}

#[test]
fn evidence_under_the_checkpoint_of_another_tree_is_a_root_mismatch() {
    let (small, large) = (Log::grown(20, 20), Log::grown(21, 21));
    let text = small.evidence(&[3, 4]);
    let moved = text.replace(
        &small.signed().note().to_string(),
        &Checkpoint::new(ORIGIN, 20, large.tree.root())
            .sign(&signer())
            .unwrap()
            .note()
            .to_string(),
    );
    assert!(matches!(
        verify(&moved).unwrap_err(),
        VerifyError::RootMismatch { expected, .. } if expected == large.tree.root()
    ));
}

#[test]
fn witness_signatures_are_kept_and_the_shown_key_must_have_signed() {
    let log = Log::grown(20, 20);
    let witness = NoteSigner::from_seed("witness.example", &[9; 32]).unwrap();
    let mut note = log.signed().note().clone();
    note.sign(&witness);
    let signed =
        portcullis_ledger::SignedCheckpoint::open(note.to_string().as_bytes(), &keys()).unwrap();
    let file = EvidenceFile::gather(&log.tiles, &signed, &signer(), &[3]).unwrap();
    let verdict = verify(&file.to_string()).unwrap();
    assert_eq!(verdict.checkpoint.signers().ignored, ["witness.example"]);
    assert_eq!(verdict.checkpoint.note().signatures().len(), 2);
    let shown = file
        .to_string()
        .replace(&keys()[0].to_string(), &witness.verifier().to_string());
    assert!(matches!(
        verify(&shown).unwrap_err(),
        VerifyError::ShownKey { .. }
    ));
}

#[test]
fn growth_since_a_trusted_checkpoint_is_proved() {
    let (old, new) = (Log::grown(200, 300), Log::grown(300, 300));
    let text = new.evidence(&INDEXES);
    let path = prove_consistency(&new.tiles, 200, 300).unwrap();
    let file = GrowthProof {
        old_size: 200,
        path: path.clone(),
        checkpoint: new.signed().note().clone(),
    };
    assert_eq!(GrowthProof::parse(file.to_string().as_bytes()), Ok(file));
    assert_eq!(verify_since(&text, &old.checkpoint(), Some(&path)), Ok(()));
    assert_eq!(verify_since(&text, &new.checkpoint(), None), Ok(()));
    assert_eq!(
        verify_since(&text, &old.checkpoint(), None).unwrap_err(),
        VerifyError::Growth(GrowthError::ProofMissing { old: 200, new: 300 })
    );
    assert!(matches!(
        verify_since(&text, &old.checkpoint(), Some(&path[1..])).unwrap_err(),
        VerifyError::Growth(GrowthError::Proof(ProofError::TooShort { .. }))
    ));
}

#[test]
fn a_log_that_went_backwards_is_called_a_rollback() {
    let (old, new) = (Log::grown(200, 300), Log::grown(300, 300));
    let error = verify_since(&old.evidence(&[3]), &new.checkpoint(), None).unwrap_err();
    assert_eq!(
        error,
        VerifyError::Growth(GrowthError::Rollback {
            trusted: 300,
            found: 200
        })
    );
}

#[test]
fn two_histories_of_one_size_and_a_rewritten_past_are_called_forks() {
    let honest = Log::grown(300, 300);
    let mut leaves: Vec<_> = (0..300).map(leaf).collect();
    leaves[150] = b"something else".to_vec();
    let mut forked = Log::default();
    forked.append(&leaves);
    assert!(matches!(
        verify_since(&forked.evidence(&[3]), &honest.checkpoint(), None).unwrap_err(),
        VerifyError::Growth(GrowthError::Fork { size: 300, .. })
    ));
    let earlier = Log::grown(200, 300).checkpoint();
    let path = prove_consistency(&forked.tiles, 200, 300).unwrap();
    assert_eq!(
        verify_since(&forked.evidence(&[3]), &earlier, Some(&path)).unwrap_err(),
        VerifyError::Growth(GrowthError::Rewritten { old: 200, new: 300 })
    );
    let other = Checkpoint::new("other.example", 300, honest.tree.root());
    assert!(matches!(
        verify_growth(&other, &honest.checkpoint(), None),
        Err(GrowthError::OriginMismatch { .. })
    ));
}

#[test]
fn one_leaf_can_be_taken_out_as_a_standard_proof() {
    let log = Log::grown(300, 300);
    let file = EvidenceFile::parse(log.evidence(&INDEXES).as_bytes()).unwrap();
    let text = file.tlog_proof(18).unwrap().to_string();
    assert!(text.starts_with("c2sp.org/tlog-proof@v1\nindex 18\n"));
    let mut proof = TlogProof::parse(text.as_bytes()).unwrap();
    assert!(proof.verify(&leaf(18), &keys()).is_ok());
    assert!(proof.verify(&leaf(19), &keys()).is_err());
    proof.extra = Some(b"context".to_vec());
    assert_eq!(TlogProof::parse(proof.to_string().as_bytes()), Ok(proof));
    assert_eq!(file.tlog_proof(19), None);
}

#[test]
fn evidence_is_not_gathered_from_a_damaged_log_or_beyond_its_end() {
    let mut log = Log::grown(300, 300);
    let (signed, signer) = (log.signed(), signer());
    let gather = |log: &Log, index| EvidenceFile::gather(&log.tiles, &signed, &signer, &[index]);
    assert!(matches!(gather(&log, 300), Err(GatherError::Tile(_))));
    log.tiles.0.get_mut("tile/entries/000").unwrap()[4] ^= 1;
    assert!(matches!(
        gather(&log, 0),
        Err(GatherError::Proof { index: 0, .. })
    ));
    assert!(gather(&log, 1).is_ok());
}

#[test]
fn evidence_of_nothing_is_neither_made_nor_accepted() {
    let log = Log::grown(30, 30);
    let nothing = EvidenceFile::gather(&log.tiles, &log.signed(), &signer(), &[]);
    assert_eq!(nothing.unwrap_err(), GatherError::Nothing);
    let text = log.evidence(&[3]);
    let emptied = text
        .replace(&block(&text, 3), "")
        .replace("leaves 3", "leaves ");
    assert!(matches!(
        verify(&emptied).unwrap_err(),
        VerifyError::File(EvidenceError::Malformed { line: 3, .. })
    ));
}
