//! Moving a file of random bytes, which nothing can compress: MB/s between the first byte and the last, so
//! without the set-up that is measured elsewhere. What comes from the target is all on the tape of ours.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::Failure;
use crate::measure::{Samples, float};
use crate::report::{Figure, Report};

use super::Bench;
use super::hosts::Way;

/// What is moved, in MiB.
const SIZE: u64 = 256;

/// Runs on each way, for each cipher and direction.
const RUNS: usize = 5;

const CIPHERS: [&str; 2] = ["aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com"];

/// Which way the bytes go.
#[derive(Debug, Clone, Copy)]
enum Direction {
    Down,
    Up,
}

impl Direction {
    const fn name(self) -> &'static str {
        match self {
            Self::Down => "download",
            Self::Up => "upload",
        }
    }
}

/// What the runs on one way came to.
#[derive(Default)]
struct Found {
    rates: Samples,
    /// The gateway's processor time, in seconds a run.
    busy: Samples,
    /// What was added to the tapes, in MiB a run.
    tape: Samples,
}

/// Measures it.
pub async fn run(bench: &mut Bench<'_>, report: &mut Report) -> Result<(), Failure> {
    let file = bench.hosts.folder().join("random");
    let mut random = File::open("/dev/urandom")?.take(SIZE << 20);
    io::copy(&mut random, &mut File::create(&file)?)?;
    for cipher in CIPHERS {
        bench.hosts.offer(Some(cipher)).await?;
        for direction in [Direction::Down, Direction::Up] {
            let mut found = Way::ALL.map(|way| (way, Found::default()));
            for _ in 0..RUNS {
                for (way, found) in &mut found {
                    once(bench, *way, cipher, direction, &file, found).await?;
                }
            }
            let [(_, direct), (_, nested), (_, ours)] = found;
            let name = cipher.split('@').next().unwrap_or(cipher);
            let subject = format!("ssh: {} of {SIZE} MiB, {name}", direction.name());
            report.add(
                &subject,
                &figures(&direct, &nested, &ours, bench.world().gateway().memory()?),
            );
        }
    }
    bench.hosts.offer(None).await?;
    Ok(std::fs::remove_file(file)?)
}

fn figures(direct: &Found, nested: &Found, ours: &Found, memory: f64) -> Vec<Figure> {
    let memory = [memory / 1024.0].into_iter().collect();
    vec![
        Figure::median("direct", &direct.rates, "MB/s"),
        Figure::median("nested hop", &nested.rates, "MB/s").beside("direct", direct.rates.median()),
        Figure::median("ours, with its tape", &ours.rates, "MB/s")
            .beside("direct", direct.rates.median())
            .beside("nested", nested.rates.median()),
        Figure::median("the gateway's processor time a run", &ours.busy, "s"),
        Figure::median("the gateway's memory afterwards", &memory, "MiB"),
        Figure::median("tape a run", &ours.tape, "MiB"),
    ]
}

async fn once(
    bench: &mut Bench<'_>,
    way: Way,
    cipher: &str,
    direction: Direction,
    file: &Path,
    found: &mut Found,
) -> Result<(), Failure> {
    let command = match direction {
        Direction::Down => format!("cat {}", file.display()),
        Direction::Up => "echo go; exec cat >/dev/null".to_owned(),
    };
    bench.allow(way, &command).await?;
    let used = bench.world.gateway().cpu_seconds()?;
    let mut ssh = bench.hosts.ssh(way, &["-c", cipher]);
    ssh.arg(&command).stdout(Stdio::piped());
    if matches!(direction, Direction::Up) {
        ssh.stdin(Stdio::piped());
    }
    let mut client = ssh.spawn()?;
    let took = match direction {
        Direction::Down => download(&mut client),
        Direction::Up => upload(&mut client, file),
    };
    let ended = client.wait()?;
    let took = took?;
    if !ended.success() {
        return Err(format!("ssh {} {command} ended with {ended}", way.name()).into());
    }
    let bytes = float(SIZE << 20);
    found.rates.push(bytes / 1e6 / took.as_secs_f64());
    bench.settled(way).await?;
    if way == Way::Ours {
        let used = bench.world.gateway().cpu_seconds()? - used;
        found.busy.push(used);
        found
            .tape
            .push(take_tapes(&bench.world.folder().join("data/tapes"))?);
    }
    Ok(())
}

/// From the first byte that comes to the last one.
fn download(client: &mut Child) -> Result<Duration, Failure> {
    let mut output = client.stdout.take().ok_or("ssh has no output")?;
    output.read_exact(&mut [0])?;
    let begun = Instant::now();
    // Between a pipe and a device the kernel moves the bytes: reading them costs the client nothing.
    let moved = io::copy(&mut output, &mut File::create("/dev/null")?)?;
    let took = begun.elapsed();
    if moved + 1 == SIZE << 20 {
        return Ok(took);
    }
    Err(format!("only {moved} bytes came").into())
}

/// From the first byte that goes until the client has seen the other end take the last one.
fn upload(client: &mut Child, file: &Path) -> Result<Duration, Failure> {
    let mut input = client.stdin.take().ok_or("ssh has no input")?;
    let mut output = client.stdout.take().ok_or("ssh has no output")?;
    output.read_exact(&mut [0; 3])?;
    let begun = Instant::now();
    io::copy(&mut File::open(file)?, &mut input)?;
    drop(input);
    client.wait()?;
    Ok(begun.elapsed())
}

/// How much lies in the tapes' folder. It is taken away: run after run would fill the disk.
fn take_tapes(folder: &Path) -> Result<f64, Failure> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        bytes += entry.metadata()?.len();
        std::fs::remove_file(entry.path())?;
    }
    Ok(float(bytes >> 10) / 1024.0)
}
