//! Read models: looked up by their keys, made anew from the events alone.

use std::sync::Arc;

use portcullis_model::{Claim, Event};
use serde_json::json;

use super::world::{append, claiming, event, ids, keyed, project, stream};
use crate::store::{Projector, Query};
use crate::{Row, Store, StoreError};

pub(super) async fn rows_are_found_by_all_their_keys_in_order(store: &dyn Store) {
    let keys = [
        &[("owner", "ann"), ("state", "open")][..],
        &[("owner", "bob"), ("state", "open")],
        &[("owner", "ann"), ("state", "done")],
        &[("owner", "ann"), ("state", "open")],
    ];
    let streams: Vec<_> = (1..).map(stream).take(keys.len()).collect();
    for place in [2, 0, 3, 1] {
        store
            .append(vec![append(
                None,
                vec![keyed(&streams[place], 1, keys[place])],
            )])
            .await
            .unwrap();
    }
    let name = |places: &[usize]| -> Vec<String> {
        places
            .iter()
            .map(|place| streams[*place].to_string())
            .collect()
    };
    let all = || Query::table("request");
    assert_eq!(ids(store, all()).await, name(&[0, 1, 2, 3]));
    assert_eq!(
        ids(store, all().with("owner", "ann")).await,
        name(&[0, 2, 3])
    );
    assert_eq!(
        ids(store, all().with("owner", "ann").with("state", "open")).await,
        name(&[0, 3])
    );
    assert_eq!(ids(store, all().with("owner", "eve")).await, name(&[]));
    assert_eq!(ids(store, all().with("state", "ann")).await, name(&[]));
    assert_eq!(ids(store, Query::table("grant")).await, name(&[]));
    let page = |query: Query, after: usize, limit| Query {
        after: Some(streams[after].to_string()),
        limit,
        ..query
    };
    assert_eq!(ids(store, page(all(), 0, 2)).await, name(&[1, 2]));
    assert_eq!(
        ids(store, page(all().with("owner", "ann"), 0, 1)).await,
        name(&[2])
    );
    assert_eq!(
        ids(store, page(all().with("owner", "ann"), 2, 0)).await,
        name(&[3])
    );
    assert_eq!(ids(store, page(all(), 3, 0)).await, name(&[]));
    let back = || Query {
        newest_first: true,
        ..all()
    };
    assert_eq!(ids(store, back()).await, name(&[3, 2, 1, 0]));
    assert_eq!(
        ids(store, back().with("owner", "ann")).await,
        name(&[3, 2, 0])
    );
    assert_eq!(ids(store, page(back(), 3, 2)).await, name(&[2, 1]));
    assert_eq!(
        ids(store, page(back().with("owner", "ann"), 2, 1)).await,
        name(&[0])
    );
    assert_eq!(ids(store, page(back(), 0, 0)).await, name(&[]));
    let rows = store.rows(all().with("owner", "bob")).await.unwrap();
    assert_eq!(
        Some(&rows[0]),
        store
            .row("request", streams[1].as_str())
            .await
            .unwrap()
            .as_ref()
    );
}

pub(super) async fn a_row_follows_its_stream_until_it_is_gone(store: &dyn Store) {
    let stream = stream(1);
    let first = append(None, vec![keyed(&stream, 1, &[("state", "open")])]);
    let second = append(
        first.row.as_ref(),
        vec![keyed(&stream, 2, &[("state", "done"), ("by", "ann")])],
    );
    store.append(vec![first]).await.unwrap();
    store.append(vec![second]).await.unwrap();
    let by = |state: &str| Query::table("request").with("state", state);
    assert!(ids(store, by("open")).await.is_empty());
    assert_eq!(
        ids(store, by("done").with("by", "ann")).await,
        [stream.to_string()]
    );
    store
        .append(vec![append(None, vec![event(&stream, 3, json!("gone"))])])
        .await
        .unwrap();
    assert!(ids(store, by("done")).await.is_empty());
    assert_eq!(store.row("request", stream.as_str()).await.unwrap(), None);
    assert_eq!(store.stream(&stream, 0).await.unwrap().len(), 3);
}

/// Whoever cannot tell says so every time.
pub(super) async fn a_revision_moves_with_the_rows_of_its_table(store: &dyn Store) {
    let revision = || store.revision("request");
    let Some(mut before) = revision() else {
        return;
    };
    let first = append(None, vec![keyed(&stream(1), 1, &[])]);
    let second = append(first.row.as_ref(), vec![keyed(&stream(1), 2, &[])]);
    let gone = append(None, vec![event(&stream(1), 3, json!("gone"))]);
    for command in [first, second.clone(), gone] {
        store.append(vec![command]).await.unwrap();
        let after = revision().unwrap();
        assert!(after > before, "{after} after {before}");
        before = after;
    }
    store.append(vec![second]).await.unwrap_err();
    assert!(revision() >= Some(before));
    store.rebuild(Arc::new(project)).await.unwrap();
    assert!(revision() > Some(before));
}

/// Events that move keys, names and rows about.
async fn busy(store: &dyn Store) {
    let (one, two, three) = (stream(1), stream(2), stream(3));
    for event in [
        claiming(&one, 1, Claim::take("name", "x")),
        keyed(&two, 1, &[("state", "open"), ("owner", "ann")]),
        claiming(&one, 2, Claim::give_back("name", "x")),
        claiming(&two, 2, Claim::take("name", "x")),
        keyed(&two, 3, &[("state", "done")]),
        claiming(&three, 1, Claim::take("use", "y")),
        event(&three, 2, json!("gone")),
    ] {
        let row = store.row("request", event.stream.as_str()).await.unwrap();
        store
            .append(vec![append(row.as_ref(), vec![event])])
            .await
            .unwrap();
    }
}

async fn state(store: &dyn Store) -> (Vec<Row>, Vec<String>, Vec<Option<u64>>) {
    let mut claims = Vec::new();
    for (scope, key) in [("name", "x"), ("use", "y"), ("use", "z")] {
        claims.push(store.claimed_at(scope, key).await.unwrap());
    }
    let rows = store.rows(Query::table("request")).await.unwrap();
    (
        rows,
        ids(store, Query::table("request").with("state", "done")).await,
        claims,
    )
}

pub(super) async fn rebuilding_gives_the_same_rows_and_claims(store: &dyn Store) {
    busy(store).await;
    let before = state(store).await;
    assert_eq!(
        (before.0.len(), before.1.len(), &before.2[..]),
        (2, 1, &[Some(3), Some(5), None][..])
    );
    store
        .rebuild(Arc::new(|_: Option<&Row>, _: &Event| Ok(None)))
        .await
        .unwrap();
    assert!(
        state(store).await.0.is_empty(),
        "rows come from the projector alone"
    );
    store.rebuild(Arc::new(project)).await.unwrap();
    assert_eq!(state(store).await, before);
    store.check(Arc::new(project)).await.unwrap();
}

pub(super) async fn a_rebuild_that_fails_changes_nothing(store: &dyn Store) {
    busy(store).await;
    let before = state(store).await;
    let failing: Arc<Projector> = Arc::new(|row: Option<&Row>, event: &Event| match event.seq {
        3 => Err("this one is not known".to_owned()),
        _ => project(row, event),
    });
    let failed = store.rebuild(failing).await;
    assert!(
        matches!(failed, Err(StoreError::Damaged(text)) if text.contains("this one is not known"))
    );
    assert_eq!(state(store).await, before);
}
