//! Starting: from the process's first instant until both doors listen, the vault opened by its age slot.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::Failure;
use crate::measure::Samples;
use crate::process::Process;
use crate::report::Figure;

/// Starts whose median is printed.
const RUNS: usize = 15;
/// Milliseconds that the project allows.
const ALLOWED: f64 = 150.0;

/// Any free port, so that nothing on the machine is in the way.
const CONFIG: &str = "[listen]\nhttps = \"127.0.0.1:0\"\nssh = \"127.0.0.1:0\"\n";

/// Measures it.
pub fn run(program: &Path) -> Result<Vec<Figure>, Failure> {
    let folder = tempfile::tempdir()?;
    let installation = Installation::make(program, folder.path())?;
    let (mut starts, mut bare, mut own) = Default::default();
    let (mut busy, mut memory) = (Samples::default(), Samples::default());
    for _ in 0..RUNS {
        let mut server = installation.serve(&mut starts)?;
        let process = Process(server.id());
        busy.push(process.cpu_seconds()? * 1_000.0);
        memory.push(process.memory()? / 1024.0);
        stop(&mut server)?;
        took(&mut Command::new("true"), &mut bare)?;
        took(Command::new(program).arg("--version"), &mut own)?;
    }
    Ok(vec![
        Figure::median("start to listening", &starts, "ms")
            .beside("bare process", bare.median())
            .at_most(ALLOWED),
        Figure::median("bare process (true)", &bare, "ms"),
        Figure::median("portcullis --version", &own, "ms").beside("bare process", bare.median()),
        Figure::median("processor time until listening", &busy, "ms"),
        Figure::median("memory when listening", &memory, "MiB"),
    ])
}

/// A data folder as `init` makes it.
struct Installation<'a> {
    program: &'a Path,
    data: PathBuf,
    config: PathBuf,
}

impl<'a> Installation<'a> {
    fn make(program: &'a Path, folder: &Path) -> Result<Self, Failure> {
        let (data, config) = (folder.join("data"), folder.join("free-ports.toml"));
        std::fs::write(&config, CONFIG)?;
        let mut init = Command::new(program);
        init.args(["init", "--admin", "maria", "--data"]).arg(&data);
        let output = init.output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("portcullis init: {said}").into());
        }
        Ok(Self {
            program,
            data,
            config,
        })
    }

    /// Starts it and waits for the line that says where it listens.
    fn serve(&self, starts: &mut Samples) -> Result<Child, Failure> {
        let mut serve = Command::new(self.program);
        serve.arg("serve").arg("--data").arg(&self.data);
        serve.arg("--config").arg(&self.config);
        serve.stdout(Stdio::piped());
        let begun = Instant::now();
        let mut server = serve.spawn()?;
        let mut line = String::new();
        let output = server.stdout.as_mut().ok_or("no standard output")?;
        BufReader::new(output).read_line(&mut line)?;
        starts.push_millis(begun.elapsed());
        if line.starts_with("portcullis: https://") {
            return Ok(server);
        }
        stop(&mut server)?;
        Err(format!("portcullis serve said {line:?} instead of where it listens").into())
    }
}

/// Asks a server to end, and waits.
fn stop(server: &mut Child) -> Result<(), Failure> {
    let id = server.id().to_string();
    Command::new("kill").args(["-TERM", &id]).status()?;
    server.wait()?;
    Ok(())
}

/// From nothing to a program's end.
fn took(command: &mut Command, times: &mut Samples) -> Result<(), Failure> {
    command.stdout(Stdio::null());
    let begun = Instant::now();
    command.status()?;
    times.push_millis(begun.elapsed());
    Ok(())
}
