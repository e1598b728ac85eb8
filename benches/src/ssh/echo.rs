//! The echo of one byte: typed, and come back from the terminal at the target.

use std::time::Instant;

use crate::Failure;
use crate::measure::Samples;
use crate::report::Figure;

use super::Bench;
use super::hosts::{RESOURCE, Way};
use super::terminal::Terminal;

/// Bytes on each way; a terminal holds some more in one line.
const BYTES: usize = 1_000;

/// Measures it.
pub async fn run(bench: &mut Bench<'_>) -> Result<Vec<Figure>, Failure> {
    bench.step_up().await?;
    let grant = bench.world.granted(RESOURCE, &["shell"]).await?;
    // Behind the shell's back, so that nothing but the terminal itself echoes.
    let open = |way| Terminal::open(&bench.hosts, way, "exec sleep 600");
    let mut direct = (open(Way::Direct)?, Samples::default());
    let mut ours = (open(Way::Ours)?, Samples::default());
    for _ in 0..BYTES {
        for (shell, times) in [&mut direct, &mut ours] {
            let begun = Instant::now();
            shell.send(b"x")?;
            shell.byte()?;
            times.push_millis(begun.elapsed());
        }
    }
    drop((direct.0, ours.0));
    bench.world.revoke(&grant).await?;
    let mut figures = Vec::new();
    for part in [50, 99] {
        figures.push(Figure::percentile("direct", part, &direct.1, "ms"));
        let figure = Figure::percentile("ours", part, &ours.1, "ms");
        figures.push(figure.beside("direct", direct.1.percentile(part)));
    }
    Ok(figures)
}
