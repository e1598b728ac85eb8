//! The fuzz targets, each for a while under libFuzzer. What they found is told with the input and the command that repeats
//! it; a corpus grows in the target folder from one time to the next.

#[cfg(test)]
mod tests;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use cargo_metadata::MetadataCommand;

const PACKAGE: &str = "portcullis-fuzz";

/// What libFuzzer is told of every target. A longer input finds nothing that a shorter one does not; the rest makes a
/// finding of what is slow or takes memory.
const LIMITS: [&str; 4] = [
    "-max_len=16384",
    "-timeout=10",
    "-rss_limit_mb=1024",
    "-print_final_stats=1",
];

/// What is to run, and how.
#[derive(Debug, PartialEq, Eq)]
pub struct Order {
    /// How long each target runs.
    pub time: Duration,
    /// How many run at once.
    pub jobs: usize,
    /// Which; all when empty.
    pub names: Vec<String>,
}

impl Order {
    /// Reads `[--minutes N] [--jobs N] [NAME…]`; nothing when it is anything else.
    pub fn parse(words: &[&str]) -> Option<Self> {
        let mut order = Self {
            time: Duration::from_mins(10),
            jobs: thread::available_parallelism().map_or(1, usize::from),
            names: Vec::new(),
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--minutes" => order.time = Duration::from_mins(above_zero(words.next()?)?),
                "--jobs" => order.jobs = usize::try_from(above_zero(words.next()?)?).ok()?,
                name if name.starts_with('-') => return None,
                name => order.names.push(name.to_owned()),
            }
        }
        Some(order)
    }
}

fn above_zero(word: &str) -> Option<u64> {
    word.parse().ok().filter(|number| *number > 0)
}

/// Where everything lies.
struct Place {
    /// The package's folder.
    package: PathBuf,
    /// What is built and written, below the target folder.
    made: PathBuf,
}

/// Runs the targets; whether none found anything.
pub fn run(order: &Order) -> anyhow::Result<bool> {
    let metadata = MetadataCommand::new().no_deps().exec()?;
    let place = Place {
        package: metadata.workspace_root.join("fuzz").into(),
        made: metadata.target_directory.join("fuzz").into(),
    };
    let names = chosen(&all(&place)?, &order.names)?;
    build(
        &place,
        metadata.target_directory.join("debug").as_std_path(),
    )?;
    let queue = Mutex::new(names.iter());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || -> anyhow::Result<bool> {
        let mut clean = true;
        while let Some(name) = next() {
            clean &= place.fuzz(name, order.time)?;
        }
        Ok(clean)
    };
    let outcomes: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..order.jobs).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect()
    });
    let mut clean = true;
    for outcome in outcomes {
        clean &= outcome.map_err(|_| anyhow::anyhow!("a worker panicked"))??;
    }
    Ok(clean)
}

/// Every target has a folder of seeds; a test of the package holds them against its list.
fn all(place: &Place) -> anyhow::Result<Vec<String>> {
    let folder = place.package.join("seeds");
    let entries = fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// Those of all that were asked for, in that order.
fn chosen(all: &[String], asked: &[String]) -> anyhow::Result<Vec<String>> {
    if let Some(unknown) = asked.iter().find(|name| !all.contains(name)) {
        bail!(
            "there is no fuzz target {unknown}; there are: {}",
            all.join(", ")
        );
    }
    Ok(if asked.is_empty() { all } else { asked }.to_vec())
}

/// Builds the program with our crates instrumented, and puts it where no other build replaces it.
fn build(place: &Place, built: &Path) -> anyhow::Result<()> {
    let status = Command::new("cargo")
        .args(["build", "--quiet", "--workspace", "--bin", PACKAGE])
        .env("RUSTC_WORKSPACE_WRAPPER", place.package.join("instrument"))
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "the fuzz targets do not build");
    fs::create_dir_all(&place.made)?;
    let program = place.program();
    // Another run may be using the one that lies there: it keeps its own.
    let beside = program.with_extension("new");
    fs::copy(built.join(PACKAGE), &beside).context("copying the fuzz targets")?;
    fs::rename(&beside, &program).context("placing the fuzz targets")
}

impl Place {
    fn program(&self) -> PathBuf {
        self.made.join(PACKAGE)
    }

    /// Runs one target to its end; whether it found nothing.
    fn fuzz(&self, name: &str, time: Duration) -> anyhow::Result<bool> {
        let (corpus, findings) = (
            self.made.join("corpus").join(name),
            self.made.join("findings"),
        );
        fs::create_dir_all(&corpus)?;
        fs::create_dir_all(&findings)?;
        let log = self.made.join(format!("{name}.log"));
        let file = fs::File::create(&log).with_context(|| format!("writing {}", log.display()))?;
        let status = Command::new(self.program())
            .arg(format!("--target={name}"))
            .args(LIMITS)
            .arg(format!("-max_total_time={}", time.as_secs()))
            .arg(format!("-artifact_prefix={}/{name}-", findings.display()))
            .args(self.dictionary(name))
            .arg(&corpus)
            .args(self.kept(name))
            .stdout(file.try_clone()?)
            .stderr(file)
            .status()
            .context("cannot run the fuzz targets")?;
        let said = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
        let told = if status.success() {
            format!(
                "{name}: ok, {} inputs in {} s\n",
                tried(&said),
                time.as_secs()
            )
        } else {
            finding(name, &said, &self.program(), &log)
        };
        std::io::stdout().write_all(told.as_bytes())?;
        Ok(status.success())
    }

    /// Words of the format, where the target has some.
    fn dictionary(&self, name: &str) -> Option<String> {
        let file = self
            .package
            .join("dictionaries")
            .join(format!("{name}.dict"));
        file.exists().then(|| format!("-dict={}", file.display()))
    }

    /// What it begins with beside its own corpus.
    fn kept(&self, name: &str) -> impl Iterator<Item = PathBuf> {
        let folders = ["seeds", "regressions"].map(|kept| self.package.join(kept).join(name));
        folders.into_iter().filter(|folder| folder.exists())
    }
}

/// How many inputs were tried, as libFuzzer counts at its end.
fn tried(said: &str) -> &str {
    let counted = said
        .lines()
        .find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    counted.map_or("no", str::trim)
}

/// What was found, by which input, how to see it again, and what is to be done with it.
fn finding(name: &str, said: &str, program: &Path, log: &Path) -> String {
    let input = said
        .lines()
        .find_map(|line| line.split_once("Test unit written to "))
        .map(|(_, input)| input.trim());
    let why: Vec<_> = said
        .lines()
        .skip_while(|line| !line.contains("panicked at") && !line.contains("ERROR: libFuzzer"))
        .take(3)
        .map(|line| format!("  {line}\n"))
        .collect();
    let next = match input {
        Some(input) => format!(
            "  the input: {input}\n  again: {} --target={name} {input}\n  \
             once it is mended, keep the input in fuzz/regressions/{name}/\n",
            program.display()
        ),
        None => "  it ended by itself and left no input\n".to_owned(),
    };
    format!(
        "{name}: found something\n{}{next}  everything it said: {}\n",
        why.concat(),
        log.display()
    )
}
