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

/// Measures it.
pub async fn run(world: &World) -> Result<Vec<Figure>, Failure> {
    let folder = tempfile::tempdir()?;
    let mut disk = Disk::open(folder.path())?;
    let (mut privileged, mut ordinary) = (Samples::default(), Samples::default());
    let used = world.gateway().cpu_seconds()?;
    for _ in 0..PAIRS {
        privileged_pair(world, &mut privileged).await?;
        ordinary_pair(world, &mut ordinary).await?;
        for _ in 0..SYNCS {
            disk.sync()?;
        }
    }
    let used = world.gateway().cpu_seconds()? - used;
    let slowest = disk.times.percentile(99);
    let mut figures = Vec::new();
    for (name, times) in [("privileged", &privileged), ("ordinary", &ordinary)] {
        let name = format!("request + approve, {name}");
        for part in [50, 99] {
            let figure = Figure::percentile(&name, part, times, "ms");
            figures.push(
                figure
                    .beside("fdatasync p99", slowest)
                    .at_most(ALLOWED * slowest),
            );
        }
    }
    for part in [50, 99] {
        figures.push(Figure::percentile(
            "bare fdatasync",
            part,
            &disk.times,
            "ms",
        ));
    }
    let used = [used].into_iter().collect();
    figures.push(Figure::median(
        "the gateway's processor time in all",
        &used,
        "s",
    ));
    Ok(figures)
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
async fn ordinary_pair(world: &World, times: &mut Samples) -> Result<(), Failure> {
    let begun = Instant::now();
    let request = world.request("analytics", &["read"]).await?;
    world.approve("olaf", &request).await?;
    times.push_millis(begun.elapsed());
    let id = text(&request, "/id");
    world.until_grant(id, "active").await?;
    world
        .post("rosa", &format!("/grants/{id}/release"), &json!({}))
        .await?;
    world.until_grant(id, "revoked").await
}
