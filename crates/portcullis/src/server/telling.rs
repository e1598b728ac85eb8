//! Tells in the log how the server is doing, whenever it is asked by SIGUSR1.

use std::convert::Infallible;

use tokio::runtime::Handle;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens from the moment it is made: whoever asks before the server listens would end it.
pub(crate) fn listen() -> std::io::Result<Signal> {
    signal(SignalKind::user_defined1())
}

/// Goes on for ever.
pub(crate) async fn tell_when_asked(mut asked: Signal) -> Infallible {
    loop {
        asked.recv().await;
        let metrics = Handle::current().metrics();
        tracing::info!(
            tasks = metrics.num_alive_tasks(),
            workers = metrics.num_workers(),
            "asked by SIGUSR1"
        );
    }
}
