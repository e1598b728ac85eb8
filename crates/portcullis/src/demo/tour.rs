//! The tour: the whole story without anybody typing, each step shown and each claim checked.

mod keyed;
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
    let Some(hosts) = world.hosts() else {
        output::line("\nThe privileged path is left out: its hosts need root (see above)")?;
        return steps.verify(&[&ordinary]).await;
    };
    output::line(
        "\nThe privileged path: a shell on a host, brokered, recorded, ended from outside",
    )?;
    let privileged = privileged::run(&steps).await?;
    output::line(
        "\nThe same on a host that knows nothing but a key: it is in the vault, and rotated",
    )?;
    let keyed = keyed::run(&steps, hosts).await?;
    steps.verify(&[&ordinary, &privileged, &keyed]).await
}
