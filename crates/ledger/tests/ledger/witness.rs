//! Witnesses: what they put their name to, and what they refuse.

use portcullis_ledger::{
    Checkpoint, Cosigner, GrowthProof, NoteSigner, NoteVerifier, Refusal, SignedCheckpoint,
    WitnessKey, WitnessRequest,
};

use crate::memory::{Log, leaf, signer};

const TIME: u64 = 1_679_315_147;

fn cosigner() -> Cosigner {
    Cosigner::from_seed("witness.example/w1", &[9; 32]).unwrap()
}

/// A log's request to put a name to it as it is now.
fn request(log: &Log, old_size: u64) -> String {
    let proof = GrowthProof::gather(&log.tiles, old_size, &log.signed());
    proof.unwrap().to_string()
}

fn judged(request: &str, latest: Option<&Checkpoint>) -> Result<SignedCheckpoint, Refusal> {
    WitnessRequest::parse(request.as_bytes())?.judge(signer().verifier(), latest)
}

/// A log that begins like another and goes on differently.
fn rewritten(same: u64, size: u64) -> Log {
    let mut log = Log::grown(same, 7);
    let other = (same..size).map(|index| leaf(index + 1000));
    log.append(&other.collect::<Vec<_>>());
    log
}

#[test]
fn a_log_that_grows_is_followed_from_its_beginning() {
    let mut log = Log::grown(5, 5);
    let mut latest = None;
    for size in [5, 6, 300, 300, 700] {
        let grown: Vec<_> = (log.tree.size()..size).map(leaf).collect();
        log.append(&grown);
        let from = latest.as_ref().map_or(0, Checkpoint::size);
        let signed = judged(&request(&log, from), latest.as_ref()).unwrap();
        latest = Some(signed.checkpoint().clone());
    }
    assert_eq!(latest, Some(log.checkpoint()));
}

#[test]
fn a_log_that_went_back_is_refused() {
    let latest = Log::grown(20, 7).checkpoint();
    let earlier = Log::grown(12, 7);
    for from in [0, 12] {
        let refused = judged(&request(&earlier, from), Some(&latest)).unwrap_err();
        assert_eq!(refused, Refusal::Elsewhere { size: 20 });
    }
    let claimed = request(&earlier, 12).replace("old 12", "old 20");
    let refused = judged(&claimed, Some(&latest)).unwrap_err();
    assert!(matches!(refused, Refusal::Malformed(_)), "{refused}");
}

#[test]
fn a_log_with_another_history_is_refused_at_the_same_size_and_at_a_larger_one() {
    let latest = Log::grown(20, 7).checkpoint();
    let refused = judged(&request(&rewritten(19, 20), 20), Some(&latest)).unwrap_err();
    assert_eq!(refused, Refusal::Elsewhere { size: 20 });
    let refused = judged(&request(&rewritten(19, 33), 20), Some(&latest)).unwrap_err();
    assert!(matches!(refused, Refusal::Inconsistent(_)), "{refused}");
    judged(&request(&rewritten(20, 33), 20), Some(&latest)).unwrap();
}

#[test]
fn what_no_log_signed_that_the_witness_knows_is_refused() {
    let log = Log::grown(5, 5);
    let foreign = NoteSigner::from_seed("log.example/portcullis", &[8; 32]).unwrap();
    let other = NoteSigner::from_seed("other.example", &[7; 32]).unwrap();
    let by = |key: &NoteVerifier| {
        let request = WitnessRequest::parse(request(&log, 0).as_bytes()).unwrap();
        request.judge(key, None).unwrap_err()
    };
    assert!(matches!(by(foreign.verifier()), Refusal::Unsigned(_)));
    assert!(matches!(by(other.verifier()), Refusal::UnknownLog { .. }));
}

#[test]
fn a_cosignature_is_verified_with_the_time_and_the_checkpoint_it_is_of() {
    let (signed, cosigner) = (Log::grown(5, 5).signed(), cosigner());
    let keys = [cosigner.key().clone()];
    assert_eq!(signed.cosignatures(&keys).unwrap(), []);
    let line = cosigner.cosign(&signed, TIME);
    let with = signed.with_word(line.as_bytes(), &keys[0]).unwrap();
    let words = with.cosignatures(&keys).unwrap();
    assert_eq!(
        (words[0].witness.as_str(), words[0].time),
        ("witness.example/w1", TIME)
    );
    // It goes where the note goes, and the log's own signature still counts.
    let text = with.note().to_string();
    let again = SignedCheckpoint::open(text.as_bytes(), &[signer().verifier().clone()]).unwrap();
    assert_eq!(again.cosignatures(&keys).unwrap(), words);

    let later = Log::grown(6, 6).signed();
    assert!(later.with_word(line.as_bytes(), &keys[0]).is_err());
    let other = Cosigner::from_seed("witness.example/w1", &[8; 32]).unwrap();
    assert!(signed.with_word(line.as_bytes(), other.key()).is_err());
    assert!(signed.with_word(b"nonsense\n", &keys[0]).is_err());
}

#[test]
fn a_cosignature_with_another_time_is_refused() {
    let (signed, cosigner) = (Log::grown(5, 5).signed(), cosigner());
    let line = cosigner.cosign(&signed, TIME);
    // The fourth of eight bytes of the time, behind the key's ID, in base64.
    let (head, tail) = line.split_at("— witness.example/w1 ".len() + 10);
    let changed = format!(
        "{head}{}{}",
        if tail.starts_with('B') { 'C' } else { 'B' },
        &tail[1..]
    );
    assert_ne!(line, changed);
    assert!(
        signed
            .with_word(changed.as_bytes(), cosigner.key())
            .is_err()
    );
}

#[test]
fn the_key_of_a_log_is_no_witness_s_and_the_other_way_round() {
    let (log, witness) = (
        signer().verifier().to_string(),
        cosigner().key().to_string(),
    );
    assert!(WitnessKey::parse(&log).is_err());
    assert!(NoteVerifier::parse(&witness).is_err());
    assert_eq!(WitnessKey::parse(&witness).unwrap().to_string(), witness);
}
