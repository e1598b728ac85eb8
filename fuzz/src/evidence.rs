//! Evidence files and their verifier.

use portcullis_ledger::{EvidenceFile, Trust, verify_evidence};

use crate::fixed::{LOGS, leaf, signer};

pub(crate) fn check(bytes: &[u8]) {
    if let Ok(file) = EvidenceFile::parse(bytes) {
        assert_eq!(
            file.to_string().as_bytes(),
            bytes,
            "an evidence file has one spelling"
        );
        for leaf in file.leaves() {
            drop(file.tlog_proof(leaf.index));
        }
    }
    let [small, _] = &*LOGS;
    let keys = [signer().verifier().clone()];
    for earlier in [None, Some(small.signed.checkpoint())] {
        let trust = Trust {
            keys: &keys,
            earlier,
            growth: None,
        };
        if let Ok(verdict) = verify_evidence(bytes, &trust) {
            assert!(!verdict.leaves.is_empty());
            for found in verdict.leaves {
                assert_eq!(
                    found.data,
                    leaf(found.index),
                    "a leaf is believed that was never logged"
                );
            }
        }
    }
}

#[cfg(test)]
pub(crate) fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let [small, large] = &*LOGS;
    let file = |log: &crate::fixed::Log, indexes: &[u64]| {
        let file = EvidenceFile::gather(&log.tiles, &log.signed, &signer(), indexes).unwrap();
        file.to_string().into_bytes()
    };
    vec![
        ("one-leaf", file(small, &[2])),
        ("two-leaves", file(large, &[3, 9])),
        ("all-leaves", file(small, &[0, 1, 2, 3, 4])),
    ]
}
