//! Tells in the log how the server is doing, whenever it is asked by SIGUSR1.

use std::convert::Infallible;

use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};

/// Goes on for ever, unless the signal cannot be listened to.
pub(crate) async fn tell_when_asked() -> std::io::Result<Infallible> {
    let mut asked = signal(SignalKind::user_defined1())?;
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
