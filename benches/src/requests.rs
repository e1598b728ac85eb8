//! Asking and approving through the HTTP API, on each path, beside a bare fdatasync of the same minutes.

use std::time::Instant;

use serde_json::json;

use crate::Failure;
use crate::client::text;
use crate::disk::Disk;
use crate::measure::Samples;
use crate::report::Figure;
use crate::ssh::RESOURCE;
use crate::world::World;

/// Pairs of a request and an approval on each path.
const PAIRS: usize = 100;
/// Bare syncs a pair.
const SYNCS: usize = 3;
/// How many times the slowest hundredth of bare syncs a pair may take.
const ALLOWED: f64 = 5.0;

/// What was measured on each path.
#[derive(Default)]
struct Times {
    privileged: Samples,
    ordinary: Samples,
    /// Reading at the database what the role is worth, once, and nothing else.
    preview: Samples,
}

/// Measures it.
pub async fn run(world: &World) -> Result<Vec<Figure>, Failure> {
    let folder = tempfile::tempdir()?;
    let mut disk = Disk::open(folder.path())?;
    let mut times = Times::default();
    let mut busy = Samples::default();
    for _ in 0..PAIRS {
        let used = world.gateway().cpu_seconds()?;
        privileged_pair(world, &mut times.privileged).await?;
        busy.push((world.gateway().cpu_seconds()? - used) * 1_000.0);
        ordinary_pair(world, &mut times).await?;
        for _ in 0..SYNCS {
            disk.sync()?;
        }
    }
    let mut figures = of_pairs(&times, &disk.times);
    figures.extend(Figure::p50_and_p99("bare fdatasync", &disk.times, "ms"));
    let busy = [busy.mean()].into_iter().collect();
    figures.push(Figure::median(
        "processor time, privileged, mean",
        &busy,
        "ms",
    ));
    Ok(figures)
}

fn of_pairs(times: &Times, syncs: &Samples) -> Vec<Figure> {
    let slowest = syncs.percentile(99);
    let held = |figure: Figure| {
        let figure = figure.beside("fdatasync p99", slowest);
        figure.at_most(ALLOWED * slowest)
    };
    let pair = |path: &str, times| {
        let name = format!("request + approve, {path}");
        Figure::p50_and_p99(&name, times, "ms").map(held)
    };
    let preview = times.preview.median();
    let ordinary =
        pair("ordinary", &times.ordinary).map(|figure| figure.beside("preview", preview));
    let mut figures = Vec::from(pair("privileged", &times.privileged));
    figures.extend(ordinary);
    figures.extend(Figure::p50_and_p99(
        "preview, ordinary: read at the database",
        &times.preview,
        "ms",
    ));
    figures
}

/// A shell: asked for, and approved by the first of two. Taken back afterwards, unmeasured.
async fn privileged_pair(world: &World, times: &mut Samples) -> Result<(), Failure> {
    let begun = Instant::now();
    let request = world.request(RESOURCE, &["shell"]).await?;
    world.approve("olaf", &request).await?;
    times.push_millis(begun.elapsed());
    let cancel = format!("/requests/{}/cancel", text(&request, "/id"));
    world.post("rosa", &cancel, &json!({})).await?;
    Ok(())
}

/// A role at the database, whose worth is read there both times; approved, so granted. Given back
/// afterwards, unmeasured.
async fn ordinary_pair(world: &World, times: &mut Times) -> Result<(), Failure> {
    let wish = json!({ "resource": "analytics", "words": ["read"] });
    let begun = Instant::now();
    world.post("rosa", "/preview", &wish).await?;
    times.preview.push_millis(begun.elapsed());
    let begun = Instant::now();
    let request = world.request("analytics", &["read"]).await?;
    world.approve("olaf", &request).await?;
    times.ordinary.push_millis(begun.elapsed());
    let id = text(&request, "/id");
    world.until_grant(id, "active").await?;
    let release = format!("/grants/{id}/release");
    world.post("rosa", &release, &json!({})).await?;
    world.until_grant(id, "revoked").await
}
