//! The demo: a throwaway world with real targets, real people's tools, and nothing left behind.

mod accounts;
mod codes;
mod folder;
mod hosts;
mod leftovers;
mod people;
mod port;
mod postgres;
mod programs;
mod setup;
mod sshd;
mod tour;
mod world;

use crate::args::Global;
use crate::args::server::{DemoArgs, DemoCommand};
use crate::outcome::Outcome;
use crate::output;
use crate::server::interruption::{Hangup, Interruption};
use crate::server::serve::start_logging;

use world::World;

/// Runs `demo`.
pub(crate) async fn run(global: &Global, args: DemoArgs) -> anyhow::Result<Outcome> {
    match args.command {
        Some(DemoCommand::Code { name, world }) => {
            let code = codes::next(&world, &name).await?;
            if global.json {
                output::json(&serde_json::json!({ "name": name, "code": code }))?;
            } else {
                output::line(code)?;
            }
            Ok(Outcome::Done)
        }
        None => {
            start_logging();
            live(args.tour, &mut Interruption::listen(Hangup::Interrupts)?).await
        }
    }
}

/// A demo's life. However it is interrupted, what it started ends with it.
async fn live(tour: bool, interruption: &mut Interruption) -> anyhow::Result<Outcome> {
    for leftover in leftovers::sweep() {
        output::note(format!(
            "demo: removed {leftover}, left by a demo that was killed"
        ))?;
    }
    let mut world = tokio::select! {
        world = World::start() => world?,
        () = interruption.heard() => return Ok(INTERRUPTED),
    };
    let told = if tour {
        tokio::select! {
            told = tour::run(&world) => told.map(|()| Outcome::Done),
            () = interruption.heard() => Ok(INTERRUPTED),
        }
    } else {
        output::line(world.welcome())?;
        tokio::select! {
            () = interruption.heard() => {
                output::line("\nstopping; nothing is left behind").map(|()| Outcome::Done)
            }
            part = world.broken() => Err(anyhow::anyhow!("{part}: this part of the server ended unasked")),
        }
    };
    world.stop().await;
    told
}

/// As shells count an end by Ctrl-C.
const INTERRUPTED: Outcome = Outcome::Program(130);
