//! A real PostgreSQL server of one's own, for tests: fresh, on a port of its own, gone when dropped, even when
//! the process is killed. Needs Debian's `postgresql` package; as root it runs as `postgres` or `nobody`.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;

use tempfile::TempDir;

use super::port::Port;

/// What the server prints once it can be used.
const READY: &str = "ready to accept connections";

/// A running server. Connections come over TCP on the loopback address, with SCRAM passwords.
#[derive(Debug)]
pub struct PostgresServer {
    port: Port,
    password: String,
    pid: u32,
    keeper: Option<JoinHandle<()>>,
    settings: Vec<String>,
    folder: TempDir,
}

impl PostgresServer {
    /// The superuser.
    pub const ADMIN: &'static str = "postgres";

    /// Makes a cluster and starts it.
    pub fn start() -> io::Result<Self> {
        Self::start_with(&[], &[])
    }

    /// The same with further settings, each `name=value`, and private files (a key, say) in the data
    /// folder, from where settings name them.
    pub fn start_with(settings: &[&str], files: &[(&str, &str)]) -> io::Result<Self> {
        let programs = programs()?;
        let account = Account::choose()?;
        let folder = tempfile::Builder::new()
            .prefix("portcullis-postgres-")
            .tempdir()?;
        let password = password()?;
        fs::write(folder.path().join("password"), &password)?;
        account.own(folder.path())?;
        run(account
            .command(&programs.join("initdb"))
            .args(["--no-sync", "--auth=scram-sha-256", "--encoding=UTF8"])
            .args(["--locale=C", "--username", Self::ADMIN])
            .arg("--pwfile")
            .arg(folder.path().join("password"))
            .arg("--pgdata")
            .arg(folder.path().join("data")))?;
        for (name, content) in files {
            private_file(&folder.path().join("data").join(name), content)?;
        }
        account.own(folder.path())?;
        let mut server = Self {
            port: Port::take()?,
            password,
            pid: 0,
            keeper: None,
            settings: settings.iter().map(|&setting| setting.into()).collect(),
            folder,
        };
        match server.run(&account)? {
            Ok(()) => Ok(server),
            Err(log) => Err(io::Error::other(format!("postgres does not start: {log}"))),
        }
    }

    /// Runs it; its log when it does not.
    fn run(&mut self, account: &Account) -> io::Result<Result<(), String>> {
        let mut command = account.command(&programs()?.join("postgres"));
        command
            .arg("-D")
            .arg(self.folder.path().join("data"))
            .args(["-p", &self.port().to_string()])
            .args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"])
            .arg("-c")
            .arg(joined("unix_socket_directories=", self.folder.path()))
            .args(self.settings.iter().flat_map(|setting| ["-c", setting]));
        Ok(keep(command)?.map(|(pid, keeper)| {
            self.pid = pid;
            self.keeper = Some(keeper);
        }))
    }

    /// Ends it as a crash does: nobody is told, nothing is tidied up.
    pub fn crash(&mut self) {
        self.stop("-QUIT");
    }

    /// Starts what crashed, where it was.
    pub fn start_again(&mut self) -> io::Result<()> {
        self.run(&Account::choose()?)?.map_err(io::Error::other)
    }

    /// A signal to it; the keeper returns when the last process has closed its log.
    fn stop(&mut self, signal: &str) {
        let told = Command::new("kill")
            .args([signal, &self.pid.to_string()])
            .status();
        if let (Ok(_), Some(keeper)) = (told, self.keeper.take()) {
            drop(keeper.join());
        }
    }

    /// The port on 127.0.0.1.
    pub const fn port(&self) -> u16 {
        self.port.number()
    }

    /// The superuser's password.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// How the superuser connects to a database.
    pub fn admin_url(&self, database: &str) -> String {
        let (admin, password, port) = (Self::ADMIN, &self.password, self.port());
        format!("postgres://{admin}:{password}@127.0.0.1:{port}/{database}")
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if self.keeper.is_some() {
            // Fast shutdown: sessions are ended.
            self.stop("-INT");
        }
    }
}

/// Starts a server in a thread of its own, which lives as long as it: the kernel ends the server with the
/// thread that started it. Returns its process and that thread, or its log when it ended instead.
fn keep(mut command: Command) -> io::Result<Result<(u32, JoinHandle<()>), String>> {
    let (ready, waiting) = mpsc::channel();
    let keeper = std::thread::spawn(move || match command.stderr(Stdio::piped()).spawn() {
        Ok(child) => watch(child, &ready),
        Err(error) => drop(ready.send(Err(error.to_string()))),
    });
    match waiting.recv().map_err(io::Error::other)? {
        Ok(pid) => Ok(Ok((pid, keeper))),
        Err(log) => Ok(Err(log)),
    }
}

fn watch(mut child: Child, ready: &mpsc::Sender<Result<u32, String>>) {
    let mut log = String::new();
    if let Some(stderr) = child.stderr.take() {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if line.contains(READY) {
                drop(ready.send(Ok(child.id())));
            }
            log.push_str(&line);
            log.push('\n');
        }
    }
    drop(child.wait());
    drop(ready.send(Err(log)));
}

/// The folder of the newest installed server's programs.
fn programs() -> io::Result<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")?
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .filter(|(_, programs)| programs.join("initdb").exists())
        .collect();
    found.sort();
    found
        .pop()
        .map(|(_, programs)| programs)
        .ok_or_else(|| io::Error::other("no PostgreSQL under /usr/lib/postgresql: install it"))
}

/// Who the server runs as: it refuses to be root.
struct Account(Option<&'static str>);

impl Account {
    fn choose() -> io::Result<Self> {
        if answer("id", &["-u"])? != "0" {
            return Ok(Self(None));
        }
        let known = |name: &&str| answer("id", &["-u", name]).is_ok();
        ["postgres", "nobody"]
            .into_iter()
            .find(known)
            .map(|name| Self(Some(name)))
            .ok_or_else(|| io::Error::other("neither postgres nor nobody is an account here"))
    }

    fn own(&self, folder: &Path) -> io::Result<()> {
        match self.0 {
            Some(name) => run(Command::new("chown").args(["-R", name]).arg(folder)),
            None => Ok(()),
        }
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "QUIT"]);
        if let Some(name) = self.0 {
            let group = answer("id", &["-g", name]).unwrap_or_default();
            command.args(["--reuid", name, "--regid", &group, "--clear-groups"]);
        }
        command
            .arg("--")
            .arg(program)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }
}

fn run(command: &mut Command) -> io::Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let told = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{command:?} failed: {told}")))
}

fn answer(program: &str, arguments: &[&str]) -> io::Result<String> {
    let output = Command::new(program).args(arguments).output()?;
    if !output.status.success() {
        return Err(io::Error::other(format!("{program} {arguments:?} failed")));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn joined(name: &str, folder: &Path) -> std::ffi::OsString {
    let mut text = std::ffi::OsString::from(name);
    text.push(<Path as AsRef<OsStr>>::as_ref(folder));
    text
}

fn private_file(path: &Path, content: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(content.as_bytes())
}

fn password() -> io::Result<String> {
    use std::fmt::Write as _;
    let mut bytes = [0_u8; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let mut text = String::new();
    for byte in bytes {
        write!(text, "{byte:02x}").map_err(io::Error::other)?;
    }
    Ok(text)
}
