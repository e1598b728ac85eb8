//! `ledger witness`: keeps, on a machine that whoever holds the server does not hold, the last checkpoint it saw of each
//! ledger, and puts its name only to what continues it. <https://c2sp.org/tlog-witness>

mod answers;
mod book;
mod identity;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use anyhow::Context as _;
use portcullis_api::serve_http;
use portcullis_ledger::NoteVerifier;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::args::Global;
use crate::args::auditing::WitnessArgs;
use crate::outcome::Outcome;
use crate::output;
use crate::server::folder::{closed_to_others, make_private};
use crate::server::interruption::{Hangup, Interruption};
use crate::server::serve::start_logging;

use book::Book;

/// Runs until it is told to stop.
pub(crate) async fn run(global: &Global, args: WitnessArgs) -> anyhow::Result<Outcome> {
    start_logging();
    let mut interruption = Interruption::listen(Hangup::AsUsual)?;
    make_private(&args.folder)?;
    closed_to_others(&args.folder)?;
    let keys = args.keys.iter().map(|key| {
        NoteVerifier::parse(key.trim()).with_context(|| format!("{key:?}, as ledger key prints it"))
    });
    let book = Book::open(&args.folder, keys.collect::<Result<_, _>>()?)?;
    // Behind the book's lock: of two that begin, one has a key that is not kept.
    let cosigner = identity::of(&args.folder, args.name.as_deref())?;
    let listener = TcpListener::bind(args.listen)
        .await
        .with_context(|| format!("--listen {} cannot be listened on", args.listen))?;
    say(global, &cosigner.key().to_string(), listener.local_addr()?)?;
    let (stop, stopped) = watch::channel(false);
    let router = answers::router(Arc::new(answers::Witness::new(book, cosigner)));
    let serving = tokio::spawn(serve_http(listener, router, stopped));
    interruption.heard().await;
    stop.send_replace(true);
    serving.await?;
    Ok(Outcome::Done)
}

fn say(global: &Global, key: &str, address: SocketAddr) -> anyhow::Result<()> {
    let host = match address.ip() {
        ip if ip.is_unspecified() => "HOST".to_owned(),
        IpAddr::V6(ip) => format!("[{ip}]"),
        IpAddr::V4(ip) => ip.to_string(),
    };
    let url = format!("http://{host}:{}", address.port());
    if global.json {
        return output::json(&json!({ "key": key, "url": url }));
    }
    output::line(format!(
        "witness {key}\nat {url}\nNext: in the server's portcullis.toml\n[ledger]\nwitnesses = [{{ url = \"{url}\", key = \"{key}\" }}]"
    ))
}
