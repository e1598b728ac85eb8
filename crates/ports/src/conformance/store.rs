//! What every store must do.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a suite tells a failure by panicking in the test that calls it"
)]

mod rows;
pub mod world;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use portcullis_model::{Body, Claim};
use tokio::task::JoinSet;

use crate::store::SealedRow;
use crate::{Append, AppendError, Store};
use world::{append, claiming, count, note, project, stream};

/// Runs all of it. `open` opens the store that belongs to a folder, anew or again.
pub async fn store(open: impl AsyncFn(&Path) -> Arc<dyn Store>) {
    what_was_appended_reads_back_byte_for_byte(&*fresh(&open).await.1).await;
    a_stale_version_conflicts_and_writes_nothing(&*fresh(&open).await.1).await;
    a_claim_is_taken_once_and_free_when_given_back(&*fresh(&open).await.1).await;
    a_command_sees_what_its_earlier_parts_claim(&*fresh(&open).await.1).await;
    a_command_over_two_streams_is_all_or_nothing(&*fresh(&open).await.1).await;
    a_command_that_contradicts_itself_is_refused(&*fresh(&open).await.1).await;
    many_writers_get_distinct_positions_without_gaps(fresh(&open).await.1).await;
    a_refused_command_does_not_disturb_its_neighbours(fresh(&open).await.1).await;
    a_store_opened_again_has_everything(&open).await;
    rows::rows_are_found_by_all_their_keys_in_order(&*fresh(&open).await.1).await;
    rows::a_row_follows_its_stream_until_it_is_gone(&*fresh(&open).await.1).await;
    an_erased_text_is_gone_and_its_event_stays(&*fresh(&open).await.1).await;
    an_erased_secret_is_gone_with_all_its_versions_and_others_stay(&*fresh(&open).await.1).await;
    the_newest_version_of_a_secret_is_found_and_none_is_replaced(&*fresh(&open).await.1).await;
    rows::a_revision_moves_with_the_rows_of_its_table(&*fresh(&open).await.1).await;
    rows::rebuilding_gives_the_same_rows_and_claims(&*fresh(&open).await.1).await;
    rows::a_rebuild_that_fails_changes_nothing(&*fresh(&open).await.1).await;
}

async fn fresh(
    open: &impl AsyncFn(&Path) -> Arc<dyn Store>,
) -> (tempfile::TempDir, Arc<dyn Store>) {
    let place = tempfile::tempdir().unwrap();
    let store = open(place.path()).await;
    (place, store)
}

async fn what_was_appended_reads_back_byte_for_byte(store: &dyn Store) {
    let stream = stream(1);
    let first = append(None, vec![note(&stream, 1), note(&stream, 2)]);
    let second = append(first.row.as_ref(), vec![note(&stream, 3)]);
    let leaves: Vec<_> = first
        .records
        .iter()
        .chain(&second.records)
        .map(|record| record.leaf.clone())
        .collect();
    let row = second.row.clone();
    let committed = store.committed();
    assert_eq!(*committed.borrow(), 0);
    assert_eq!(store.append(vec![first]).await.unwrap(), 0);
    assert_eq!(store.append(vec![second]).await.unwrap(), 2);
    assert_eq!(*committed.borrow(), 3);
    let events = store.events(0, 10).await.unwrap();
    assert!(events.iter().map(|event| &event.leaf).eq(&leaves));
    assert!(events.iter().map(|event| event.position).eq(0..3));
    assert_eq!(store.stream(&stream, 0).await.unwrap(), events);
    assert_eq!(store.stream(&stream, 2).await.unwrap(), events[2..]);
    assert_eq!(store.events(1, 1).await.unwrap(), events[1..2]);
    assert!(store.events(3, 10).await.unwrap().is_empty());
    assert_eq!(store.row("request", stream.as_str()).await.unwrap(), row);
    assert_eq!(store.row("grant", stream.as_str()).await.unwrap(), None);
    store.check(Arc::new(project)).await.unwrap();
}

async fn a_stale_version_conflicts_and_writes_nothing(store: &dyn Store) {
    let stream = stream(1);
    store
        .append(vec![append(None, vec![note(&stream, 1)])])
        .await
        .unwrap();
    for (seq, knew) in [(1, 0), (3, 2)] {
        let refused = store
            .append(vec![append(None, vec![note(&stream, seq)])])
            .await;
        let Err(AppendError::Conflict {
            expected, actual, ..
        }) = refused
        else {
            panic!("{refused:?}");
        };
        assert_eq!((expected, actual), (knew, 1));
    }
    assert_eq!(count(store).await, 1);
    assert_eq!(*store.committed().borrow(), 1);
    store
        .append(vec![append(None, vec![note(&stream, 2)])])
        .await
        .unwrap();
}

async fn a_claim_is_taken_once_and_free_when_given_back(store: &dyn Store) {
    let (holder, rival) = (stream(1), stream(2));
    let take = Claim::take("name", "web-1");
    store
        .append(vec![append(None, vec![claiming(&holder, 1, take.clone())])])
        .await
        .unwrap();
    assert!(store.claimed_at("name", "web-1").await.unwrap().is_some());
    assert!(store.claimed_at("name", "web-2").await.unwrap().is_none());
    assert!(store.claimed_at("host", "web-1").await.unwrap().is_none());
    for _ in 0..2 {
        let refused = store
            .append(vec![append(None, vec![claiming(&rival, 1, take.clone())])])
            .await;
        assert!(
            matches!(refused, Err(AppendError::Claimed { scope, key }) if scope == "name" && key == "web-1")
        );
    }
    assert_eq!(count(store).await, 1);
    let back = Claim::give_back("name", "web-1");
    store
        .append(vec![append(None, vec![claiming(&holder, 2, back)])])
        .await
        .unwrap();
    assert!(store.claimed_at("name", "web-1").await.unwrap().is_none());
    store
        .append(vec![append(None, vec![claiming(&rival, 1, take)])])
        .await
        .unwrap();
    assert_eq!(store.claimed_at("name", "web-1").await.unwrap(), Some(2));
}

async fn a_command_sees_what_its_earlier_parts_claim(store: &dyn Store) {
    let (one, two) = (stream(1), stream(2));
    let take = Claim::take("name", "x");
    let twice = vec![
        append(None, vec![claiming(&one, 1, take.clone())]),
        append(None, vec![claiming(&two, 1, take.clone())]),
    ];
    let refused = store.append(twice).await;
    assert!(
        matches!(refused, Err(AppendError::Claimed { .. })),
        "{refused:?}"
    );
    assert_eq!(
        (
            count(store).await,
            store.claimed_at("name", "x").await.unwrap()
        ),
        (0, None)
    );
    let handed_on = vec![
        append(
            None,
            vec![
                claiming(&one, 1, take.clone()),
                claiming(&one, 2, Claim::give_back("name", "x")),
            ],
        ),
        append(None, vec![claiming(&two, 1, take)]),
    ];
    store.append(handed_on).await.unwrap();
    assert_eq!(store.claimed_at("name", "x").await.unwrap(), Some(2));
    store.check(Arc::new(project)).await.unwrap();
}

async fn a_command_over_two_streams_is_all_or_nothing(store: &dyn Store) {
    let (one, two) = (stream(1), stream(2));
    let command = vec![
        append(None, vec![note(&one, 1)]),
        append(None, vec![note(&two, 1)]),
    ];
    store.append(command).await.unwrap();
    let row = store.row("request", one.as_str()).await.unwrap();

    let mut good = append(
        row.as_ref(),
        vec![claiming(&one, 2, Claim::take("use", "a"))],
    );
    good.sealed.push(SealedRow {
        id: "sec_1".to_owned(),
        version: 1,
        bytes: vec![1],
    });
    let stale = append(None, vec![note(&two, 1)]);
    let taken = append(None, vec![claiming(&two, 2, Claim::take("use", "a"))]);
    let mut sealed_twice = append(None, vec![note(&two, 2)]);
    sealed_twice.sealed.clone_from(&good.sealed);
    let mut out_of_step = append(None, vec![note(&one, 2)]);
    out_of_step.row = None;
    for bad in [stale, taken, sealed_twice, out_of_step] {
        store.append(vec![good.clone(), bad]).await.unwrap_err();
        assert_eq!(count(store).await, 2);
        assert!(store.claimed_at("use", "a").await.unwrap().is_none());
        assert_eq!(store.sealed("sec_1", None).await.unwrap(), None);
        assert_eq!(store.row("request", one.as_str()).await.unwrap(), row);
    }
    let then = append(good.row.as_ref(), vec![note(&one, 3)]);
    assert_eq!(store.append(vec![good, then]).await.unwrap(), 2);
    assert_eq!(count(store).await, 4);
}

async fn a_command_that_contradicts_itself_is_refused(store: &dyn Store) {
    let (one, two) = (stream(1), stream(2));
    let good = append(None, vec![note(&one, 1)]);
    let change = |act: &dyn Fn(&mut Append)| {
        let mut bad = good.clone();
        act(&mut bad);
        vec![bad]
    };
    let text = Body::new("reason", [1; 16], "because");
    for (bad, why) in [
        (vec![], "no append"),
        (change(&|bad| bad.records.clear()), "no event"),
        (change(&|bad| bad.stream = two.clone()), "another stream"),
        (
            change(&|bad| bad.records[0].event.seq = 2),
            "another number",
        ),
        (change(&|bad| bad.records[0].leaf.clear()), "no leaf"),
        (
            change(&|bad| bad.records[0].leaf.resize(65_536, b' ')),
            "a leaf too large for the log",
        ),
        (
            change(&|bad| bad.records[0].bodies.push(text.clone())),
            "a text without a commitment",
        ),
        (
            change(&|bad| bad.row.as_mut().unwrap().version = 2),
            "a row of another version",
        ),
        (
            change(&|bad| bad.row.as_mut().unwrap().id = two.to_string()),
            "a row of another stream",
        ),
    ] {
        let refused = store.append(bad).await;
        assert!(
            matches!(refused, Err(AppendError::Malformed(_))),
            "{why}: {refused:?}"
        );
    }
    assert_eq!(count(store).await, 0);
    store.append(vec![good]).await.unwrap();
}

async fn many_writers_get_distinct_positions_without_gaps(store: Arc<dyn Store>) {
    let mut writers = JoinSet::new();
    for number in 0..64 {
        let store = Arc::clone(&store);
        writers.spawn(async move {
            let stream = stream(number);
            let mut row = None;
            let mut positions = Vec::new();
            for seq in [1, 4, 7] {
                let events = (seq..seq + 3).map(|seq| note(&stream, seq)).collect();
                let append = append(row.as_ref(), events);
                row.clone_from(&append.row);
                let first = store.append(vec![append]).await.unwrap();
                assert!(*store.committed().borrow() >= first + 3);
                positions.extend(first..first + 3);
            }
            positions
        });
    }
    let positions: BTreeSet<u64> = writers.join_all().await.into_iter().flatten().collect();
    assert!(positions.into_iter().eq(0..64 * 9));
    assert_eq!(*store.committed().borrow(), 64 * 9);
    store.check(Arc::new(project)).await.unwrap();
}

async fn a_refused_command_does_not_disturb_its_neighbours(store: Arc<dyn Store>) {
    let contested = Claim::take("approval-use", "one");
    let mut writers = JoinSet::new();
    for number in 0..64 {
        let (store, contested) = (Arc::clone(&store), contested.clone());
        writers.spawn(async move {
            let stream = stream(number);
            let event = if number % 2 == 0 {
                note(&stream, 1)
            } else {
                claiming(&stream, 1, contested)
            };
            (number, store.append(vec![append(None, vec![event])]).await)
        });
    }
    let (mut spent, mut refused) = (0, 0);
    for (number, outcome) in writers.join_all().await {
        match outcome {
            Ok(_) if number % 2 == 1 => spent += 1,
            Err(AppendError::Claimed { .. }) if number % 2 == 1 => refused += 1,
            outcome => assert!(outcome.is_ok(), "{outcome:?}"),
        }
    }
    assert_eq!((spent, refused), (1, 31));
    assert_eq!(count(&*store).await, 33);
    store.check(Arc::new(project)).await.unwrap();
}

async fn a_store_opened_again_has_everything(open: &impl AsyncFn(&Path) -> Arc<dyn Store>) {
    let (place, store) = fresh(open).await;
    let stream = stream(1);
    let mut command = append(None, vec![claiming(&stream, 1, Claim::take("name", "x"))]);
    command.sealed.push(SealedRow {
        id: "sec_1".to_owned(),
        version: 1,
        bytes: vec![9],
    });
    store.append(vec![command]).await.unwrap();
    let before = (
        store.events(0, 9).await.unwrap(),
        store.row("request", stream.as_str()).await.unwrap(),
    );
    drop(store);

    let store = open(place.path()).await;
    assert_eq!(*store.committed().borrow(), 1);
    let after = (
        store.events(0, 9).await.unwrap(),
        store.row("request", stream.as_str()).await.unwrap(),
    );
    assert_eq!(after, before);
    assert!(store.claimed_at("name", "x").await.unwrap().is_some());
    assert_eq!(
        store.sealed("sec_1", None).await.unwrap().unwrap().bytes,
        [9]
    );
    assert_eq!(
        store
            .append(vec![append(after.1.as_ref(), vec![note(&stream, 2)])])
            .await
            .unwrap(),
        1
    );
}

async fn an_erased_text_is_gone_and_its_event_stays(store: &dyn Store) {
    let stream = stream(1);
    let texts = [
        Body::new("comment", [2; 16], "later"),
        Body::new("reason", [1; 16], "because"),
    ];
    let mut event = note(&stream, 1);
    event.bodies = texts.iter().map(Body::commit).collect();
    let mut command = append(None, vec![event]);
    command.records[0].bodies = texts.to_vec();
    let position = store.append(vec![command]).await.unwrap();
    let before = store.events(0, 9).await.unwrap();
    assert_eq!(store.bodies(position).await.unwrap(), texts);
    store.erase_body(position, "reason").await.unwrap();
    assert_eq!(store.bodies(position).await.unwrap(), texts[..1]);
    assert_eq!(store.events(0, 9).await.unwrap(), before);
    store
        .erase_body(position, "reason")
        .await
        .expect("erasing twice is no error");
    assert!(store.bodies(position + 1).await.unwrap().is_empty());
    store.check(Arc::new(project)).await.unwrap();
    store.rebuild(Arc::new(project)).await.unwrap();
}

async fn an_erased_secret_is_gone_with_all_its_versions_and_others_stay(store: &dyn Store) {
    let row = |id: &str, version| SealedRow {
        id: id.to_owned(),
        version,
        bytes: b"sealed".to_vec(),
    };
    let mut command = append(None, vec![note(&stream(1), 1)]);
    command.sealed = vec![row("sec_1", 1), row("sec_1", 2), row("sec_2", 1)];
    store.append(vec![command]).await.unwrap();
    let events = store.events(0, 9).await.unwrap();
    store.erase_sealed("sec_1").await.unwrap();
    for version in [None, Some(1), Some(2)] {
        assert_eq!(store.sealed("sec_1", version).await.unwrap(), None);
    }
    let other = store.sealed("sec_2", None).await.unwrap();
    assert_eq!(other, Some(row("sec_2", 1)));
    assert_eq!(store.events(0, 9).await.unwrap(), events);
    store
        .erase_sealed("sec_1")
        .await
        .expect("erasing twice is no error");
    store.check(Arc::new(project)).await.unwrap();
}

async fn the_newest_version_of_a_secret_is_found_and_none_is_replaced(store: &dyn Store) {
    let secret = |version| SealedRow {
        id: "sec_1".to_owned(),
        version,
        bytes: format!("sealed {version}").into(),
    };
    for (number, version) in [(1, 1), (2, 10), (3, 2)] {
        let mut command = append(None, vec![note(&stream(number), 1)]);
        command.sealed.push(secret(version));
        store.append(vec![command]).await.unwrap();
    }
    assert_eq!(store.sealed("sec_1", None).await.unwrap(), Some(secret(10)));
    assert_eq!(
        store.sealed("sec_1", Some(2)).await.unwrap(),
        Some(secret(2))
    );
    assert_eq!(store.sealed("sec_1", Some(3)).await.unwrap(), None);
    assert_eq!(store.sealed("sec_2", None).await.unwrap(), None);
    let mut again = append(None, vec![note(&stream(4), 1)]);
    again.sealed.push(SealedRow {
        bytes: b"other".to_vec(),
        ..secret(2)
    });
    let refused = store.append(vec![again]).await;
    assert!(
        matches!(refused, Err(AppendError::Claimed { .. })),
        "{refused:?}"
    );
    assert_eq!(
        store.sealed("sec_1", Some(2)).await.unwrap(),
        Some(secret(2))
    );
}
