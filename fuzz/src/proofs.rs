//! Proofs: of one leaf in the standard form, of a log's growth, and what witnesses are asked.

use portcullis_ledger::{
    GrowthProof, Hash, TlogProof, WitnessRequest, leaf_hash, root_from_inclusion,
    verify_consistency, verify_inclusion,
};

use crate::fixed::{LOGS, leaf, signer};

pub(crate) fn check(bytes: &[u8]) {
    of_a_leaf(bytes);
    of_growth(bytes);
    asked_of_a_witness(bytes);
    bare(bytes);
}

fn of_a_leaf(bytes: &[u8]) {
    let Ok(proof) = TlogProof::parse(bytes) else {
        return;
    };
    assert_eq!(
        proof.to_string().as_bytes(),
        bytes,
        "a proof has one spelling"
    );
    let keys = [signer().verifier().clone()];
    for index in 0..11 {
        if proof.verify(&leaf(index), &keys).is_ok() {
            assert_eq!(proof.index, index, "a leaf is proved to be where it is not");
        }
    }
    assert!(proof.verify(b"never logged", &keys).is_err());
}

fn of_growth(bytes: &[u8]) {
    if let Ok(proof) = GrowthProof::parse(bytes) {
        assert_eq!(
            proof.to_string().as_bytes(),
            bytes,
            "a proof has one spelling"
        );
    }
}

/// A witness puts its name to nothing but what the log signed, and only if it continues what it saw.
fn asked_of_a_witness(bytes: &[u8]) {
    let [small, large] = &*LOGS;
    let key = signer();
    for latest in [None, Some(small), Some(large)] {
        let Ok(request) = WitnessRequest::parse(bytes) else {
            return;
        };
        let latest = latest.map(|log| log.signed.checkpoint());
        if let Ok(signed) = request.judge(key.verifier(), latest) {
            let shown = signed.checkpoint();
            let ours = [small, large]
                .into_iter()
                .any(|log| log.signed.checkpoint() == shown);
            assert!(ours, "a checkpoint passes that nobody signed");
            assert!(latest.is_none_or(|latest| latest.size() <= shown.size()));
        }
    }
}

/// Index, size and hashes as they are: a path never proves what it does not lead to.
fn bare(bytes: &[u8]) {
    let Some((index, rest)) = bytes.split_first_chunk::<8>() else {
        return;
    };
    let Some((size, rest)) = rest.split_first_chunk::<8>() else {
        return;
    };
    let (index, size) = (u64::from_be_bytes(*index), u64::from_be_bytes(*size));
    let path: Vec<_> = rest
        .as_chunks::<32>()
        .0
        .iter()
        .copied()
        .map(Hash::from_bytes)
        .collect();
    let leaf = leaf_hash(b"leaf");
    let never = Hash::from_bytes([3; 32]);
    assert!(verify_inclusion(index, size, &leaf, &path, &never).is_err());
    assert!(verify_consistency(index, &leaf, size, &never, &path).is_err());
    if let Ok(root) = root_from_inclusion(index, size, &leaf, &path) {
        assert_eq!(verify_inclusion(index, size, &leaf, &path, &root), Ok(()));
        assert!(verify_inclusion(index, size, &leaf_hash(b"other"), &path, &root).is_err());
    }
}

#[cfg(test)]
pub(crate) fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    use portcullis_ledger::{EvidenceFile, prove_inclusion};

    let [small, large] = &*LOGS;
    let evidence = EvidenceFile::gather(&large.tiles, &large.signed, &signer(), &[3, 9]).unwrap();
    let growth = |old| {
        GrowthProof::gather(&large.tiles, old, &large.signed)
            .unwrap()
            .to_string()
    };
    let first = GrowthProof::gather(&small.tiles, 0, &small.signed).unwrap();
    let path = prove_inclusion(&large.tiles, 11, 3).unwrap();
    let mut bare = [3_u64.to_be_bytes(), 11_u64.to_be_bytes()].concat();
    bare.extend(path.iter().flat_map(|hash| *hash.as_bytes()));
    vec![
        (
            "leaf",
            evidence.tlog_proof(3).unwrap().to_string().into_bytes(),
        ),
        ("growth", growth(5).into_bytes()),
        ("first", first.to_string().into_bytes()),
        ("bare", bare),
    ]
}
