//! The ordinary story: asked, approved, assigned, used, refused where it ends, expired, proved gone.

use super::super::postgres::psql;
use super::super::programs::{output_of, said};
use super::steps::{Steps, hold, shown};
use crate::output::text;

/// Runs it; returns the request.
pub(super) async fn run(steps: &Steps<'_>) -> anyhow::Result<String> {
    steps.everybody_in().await?;
    Steps::say("the requester asks what it would take: ordinary, and why")?;
    let preview = steps
        .must("rosa", &["preview", "analytics", "read"])
        .await?;
    hold(
        text(&preview, "/path") == "ordinary",
        "reading is ordinary",
        &preview.to_string(),
    )?;
    Steps::say(&format!(
        "      path ordinary: {}",
        text(&preview, "/reason")
    ))?;

    Steps::say("an entitlement that is called harmless and can write is not ordinary: denied")?;
    let words = ["request", "analytics", "audit", "--reason", "just looking"];
    steps.must_be_denied("rosa", &words).await?;

    Steps::say("the requester asks, the owner approves, the role is assigned")?;
    let words = [
        "request",
        "analytics",
        "read",
        "--reason",
        "quarterly figures",
        "--for",
        "20s",
    ];
    let request = text(&steps.must("rosa", &words).await?, "/id");
    steps.must_be_denied("rosa", &["approve", &request]).await?;
    steps.must("olaf", &["approve", &request]).await?;
    let show = ["grants", "show", request.as_str()];
    steps
        .until("the role is assigned", || async {
            Ok(steps.field("rosa", &show, "/status").await? == "active")
        })
        .await?;

    Steps::say("psql reads; a write is refused")?;
    let count = sql(steps, "SELECT count(*) FROM orders").await?;
    hold(count.trim() == "20", "psql reads", &count)?;
    let write = sql(steps, "INSERT INTO orders VALUES (99, 'x', 1)").await?;
    hold(
        write.contains("permission denied"),
        "a write is refused",
        &write,
    )?;

    Steps::say("the grant expires; the role is gone, read back at the database")?;
    steps
        .until("the role is gone", || async {
            Ok(steps.field("rosa", &show, "/status").await? == "revoked")
        })
        .await?;
    let after = sql(steps, "SELECT count(*) FROM orders").await?;
    hold(
        after.contains("permission denied"),
        "reading is over",
        &after,
    )?;
    Ok(request)
}

async fn sql(steps: &Steps<'_>, statement: &str) -> anyhow::Result<String> {
    let mut command = psql(steps.world.postgres_port(), &steps.world.pgpass());
    command.args(["-c", statement]);
    shown("rosa", &command)?;
    Ok(said(&output_of(command, None).await?))
}
