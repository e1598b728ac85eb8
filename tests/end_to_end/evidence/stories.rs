//! Evidence of one request's story.

use portcullis_ledger::{NoteVerifier, TlogProof};

use super::{another_installations_key, holds, path, refused, told};
use crate::client::until;
use crate::folders::files;
use crate::world::World;

#[test]
fn altered_evidence_is_refused_offline_and_says_what_is_wrong() {
    let world = World::start();
    world.login(&["rosa", "olaf"]);
    let id = world.granted(&["analytics", "read", "--reason", "figures"], &["olaf"]);
    let file = world.folder().join("story.evidence");
    let words = ["ledger", "prove", &id, "--out", path(&file)];
    let key = world.variable("LEDGER_KEY").to_owned();
    let verify = ["ledger", "verify", path(&file), "--key", &key];
    world.json("rosa", &["release", &id], 0);
    until("the story is over", || {
        world.json("olaf", &words, 0);
        told(&verify).0 == Some(0)
    });
    the_story_is_told_with_names(&[&verify[..], &["--show"]].concat());
    evidence_says_whose_story_it_is(&world, &verify, &id);
    every_leaf_has_a_proof_in_the_standard_form(&world, &id, &key);

    let whole = std::fs::read_to_string(&file).unwrap();
    let altered = |text: &str, why: &str| {
        std::fs::write(&file, text).unwrap();
        refused(&verify, why);
    };
    let (leaves, end) = whole.rsplit_once("\n\nportcullis/").unwrap();
    let mut leaves: Vec<&str> = leaves.split("\n\n").collect();
    let joined = |leaves: &[&str]| format!("{}\n\nportcullis/{end}", leaves.join("\n\n"));
    assert_eq!(joined(&leaves), whole);
    altered(
        &whole.replacen("data e", "data f", 1),
        "leaf altered at index",
    );
    altered(whole.strip_suffix("end\n").unwrap(), "truncated file");
    leaves.swap(1, 2);
    altered(&joined(&leaves), "entries reordered");
    leaves.swap(1, 2);
    leaves.remove(1);
    altered(&joined(&leaves), "entry dropped");
    let signatures = whole.lines().filter(|line| line.starts_with('—'));
    for (signature, why) in signatures.zip(["signature of the list", "no complete signature"]) {
        altered(&whole.replace(&format!("{signature}\n"), ""), why);
    }

    std::fs::write(&file, &whole).unwrap();
    let other = another_installations_key();
    refused(
        &["ledger", "verify", path(&file), "--key", &other],
        "signed by unknown key",
    );
}

/// Whoever was asked for one story and hands over another, which holds as well, is found out.
fn evidence_says_whose_story_it_is(world: &World, verify: &[&str], id: &str) {
    holds(&[verify, &["--of", id]].concat());
    assert!(told(verify).1.contains(&format!("it tells of {id}")));
    let other = world.asked(&["analytics", "read", "--reason", "other figures"]);
    refused(&[verify, &["--of", &other]].concat(), "another story's");
}

/// Somebody else's verifier needs a leaf, its proof and the key.
fn every_leaf_has_a_proof_in_the_standard_form(world: &World, id: &str, key: &str) {
    let folder = world.folder().join("proofs");
    let out = world.folder().join("with-proofs.evidence");
    let words = ["ledger", "prove", id, "--out", path(&out)];
    let words = [&words[..], &["--tlog-proofs", path(&folder)]].concat();
    world.json("rosa", &words, 0);
    let keys = [NoteVerifier::parse(key).unwrap()];
    let all = files(&folder);
    let leaves = all
        .iter()
        .filter(|file| file.extension().unwrap() == "leaf");
    let mut granted = 0;
    for file in leaves {
        let leaf = std::fs::read(file).unwrap();
        let proof = std::fs::read(file.with_extension("tlog-proof")).unwrap();
        let proof = TlogProof::parse(&proof).unwrap();
        assert!(proof.verify(&leaf, &keys).is_ok(), "{}", file.display());
        assert!(proof.verify(b"another leaf", &keys).is_err());
        granted += usize::from(String::from_utf8_lossy(&leaf).contains("request.granted"));
    }
    assert_eq!((granted, all.len() % 2), (1, 0));
}

fn the_story_is_told_with_names(show: &[&str]) {
    let (_, told) = told(show);
    let line = |kind: &str| {
        told.lines()
            .find(|line| line.contains(kind))
            .unwrap_or_default()
    };
    for said in [
        "rosa asks for",
        "read",
        "on analytics",
        "ordinary, because",
        "impact: ",
    ] {
        assert!(
            line("request.submitted").contains(said),
            "{said:?} in {told}"
        );
    }
    assert!(line("request.approved").contains("olaf"), "{told}");
    assert!(
        line("resource.added").contains("postgres analytics"),
        "{told}"
    );
    let undisclosed = "reason: committed, not disclosed";
    assert!(line("request.submitted").contains(undisclosed), "{told}");
    // Whoever added the people and the resource has a name too.
    assert!(!told.contains("idn_"), "{told}");
    for kept_out in ["identity.signed_in", "identity.enrolled"] {
        assert!(!told.contains(kept_out), "{told}");
    }
}
