//! The demo: a throwaway world with real targets, real people's tools, and nothing left behind.

mod accounts;
mod codes;
mod people;
mod postgres;
mod programs;
mod setup;
mod sshd;
mod tour;
mod world;

use crate::args::server::{DemoArgs, DemoCommand};
use crate::outcome::Outcome;
use crate::output;
use crate::server::serve::{interrupted, start_logging};

use world::World;

/// Runs `demo`.
pub(crate) async fn run(args: DemoArgs) -> anyhow::Result<Outcome> {
    match args.command {
        Some(DemoCommand::Code { name, world }) => {
            output::line(codes::next(&world, &name).await?)?;
            Ok(Outcome::Done)
        }
        None => {
            start_logging();
            let world = World::start().await?;
            let told = if args.tour {
                tour::run(&world).await
            } else {
                wait(&world).await
            };
            world.stop().await;
            told.map(|()| Outcome::Done)
        }
    }
}

/// Says what there is to try, and waits for Ctrl-C.
async fn wait(world: &World) -> anyhow::Result<()> {
    output::line(world.welcome())?;
    interrupted().await?;
    output::line("\nstopping; nothing is left behind")
}
