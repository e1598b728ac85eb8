//! The tour: the whole story without anybody typing, each step shown and each claim checked.

mod ordinary;
mod privileged;
mod steps;

use super::world::World;
use crate::output;

/// Runs it.
pub(crate) async fn run(world: &World) -> anyhow::Result<()> {
    let steps = steps::Steps::new(world);
    output::line("\nThe ordinary path: read access to a database, assigned and proved gone")?;
    let ordinary = ordinary::run(&steps).await?;
    if !world.has_host() {
        output::line("\nThe privileged path is left out: its host needs root (see above)")?;
        return steps.verify(&[&ordinary]).await;
    }
    output::line(
        "\nThe privileged path: a shell on a host, brokered, recorded, ended from outside",
    )?;
    let privileged = privileged::run(&steps).await?;
    steps.verify(&[&ordinary, &privileged]).await
}
