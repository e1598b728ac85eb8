//! An installation as an administrator makes it: `init`, `serve`, owners who enroll; no demo.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use crate::client::feed;
use crate::world::{PROGRAM, World, said, text};

/// A configuration whose doors are on free ports.
pub const CONFIG: &str = "[listen]\nhttps = \"127.0.0.1:0\"\nssh = \"127.0.0.1:0\"\n";

/// Runs the program with nothing of anybody's environment.
pub fn bare(words: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(words).env_clear();
    feed(command, input)
}

/// Makes an installation below `folder`; what `init` answered.
pub fn init(folder: &Path, passphrase: &str) -> Value {
    let data = folder.join("data");
    std::fs::create_dir_all(&data).unwrap();
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o700)).unwrap();
    std::fs::write(data.join("portcullis.toml"), CONFIG).unwrap();
    let words = ["--json", "--data", data.to_str().unwrap(), "init"];
    let mut words = words.to_vec();
    words.extend(["--admin", "maria", "--passphrase-file", "-"]);
    let output = bare(&words, passphrase.as_bytes());
    assert!(output.status.success(), "{}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Serves the installation below `folder`; logs all there is to `folder/log`. People keep what is theirs
/// in `pockets`.
pub fn serve(folder: &Path, pockets: &Path, options: &[&str]) -> World {
    let (server, https) = started(folder, options);
    around(server, &https, folder, pockets)
}

/// The world of a server that serves the installation below `folder`.
pub fn around(server: Child, https: &str, folder: &Path, pockets: &Path) -> World {
    let data = folder.join("data");
    let certificate = data.join("tls/certificate.pem");
    let environment = [
        ("PORTCULLIS_SERVER", https.to_owned()),
        ("PORTCULLIS_CA", certificate.display().to_string()),
        (
            "PORTCULLIS_HOME",
            folder.join("sign-ins").display().to_string(),
        ),
        ("PORTCULLIS_DATA", data.display().to_string()),
        ("PORTCULLIS_DEMO", pockets.display().to_string()),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value));
    World::around(server, folder.to_path_buf(), environment.to_vec())
}

/// Starts `serve` and waits until it listens: the process, and where its API is.
pub fn started(folder: &Path, options: &[&str]) -> (Child, String) {
    let mut server = server(folder);
    server.args(options).env("PORTCULLIS_LOG", "trace");
    let (child, told) = begun(server, folder);
    let told = told.expect("the server says where it is");
    let https = told
        .split_whitespace()
        .find(|word| word.starts_with("https"));
    (child, https.expect("an address").to_owned())
}

/// `serve` with nothing of anybody's environment.
pub fn server(folder: &Path) -> Command {
    let mut server = Command::new(PROGRAM);
    server.arg("serve").env_clear();
    server.env("PORTCULLIS_DATA", folder.join("data"));
    server
}

/// Starts a server and waits for the line in which it says where it is, or for its end.
pub fn begun(mut server: Command, folder: &Path) -> (Child, Option<String>) {
    let log = File::options()
        .create(true)
        .append(true)
        .open(folder.join("log"))
        .unwrap();
    let mut child = server
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .expect("the server starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let told = lines.next().map(|line| line.expect("it says text"));
    std::fs::write(folder.join("output"), told.as_deref().unwrap_or("")).unwrap();
    std::thread::spawn(move || lines.count());
    (child, told)
}

/// Enrolls the founder and three owners, everybody under a password made of `stem` and their name.
pub fn found(world: &World, made: &Value, stem: &str) -> Vec<(String, String)> {
    let mut secrets = Vec::new();
    let mut enroll = |name: &str, token: String| {
        let password = format!("{stem}-{name}");
        let done = world.enroll(name, &token, Some(&password), &[]);
        world.login(&[name]);
        secrets.push((format!("password of {name}"), password));
        secrets.push((format!("enrolment token of {name}"), token));
        secrets.push((format!("seed of {name}"), seed(&done)));
    };
    enroll("maria", text(&made["enrolment_tokens"]["maria"]));
    let owners = [("iris", "iam"), ("olaf", "resource"), ("pia", "pam")];
    let tokens = owners.map(|(name, role)| {
        let words = ["--json", "--as", "maria", "identities", "add", name];
        let mut words = words.to_vec();
        words.extend(["--role", role, "--enroll"]);
        let output = world.unheard(&words, "");
        assert!(output.status.success(), "{}", said(&output));
        let added: Value = serde_json::from_slice(&output.stdout).unwrap();
        text(&added["enrolment_token"])
    });
    for ((name, _), token) in owners.iter().zip(tokens) {
        enroll(name, token);
    }
    secrets
}

/// The seed in what enrolling showed.
pub fn seed(done: &Value) -> String {
    let uri = text(&done["otpauth"]);
    let (_, rest) = uri.split_once("secret=").expect("a seed");
    rest.split('&').next().unwrap_or(rest).to_owned()
}

/// Adds a resource of olaf's, signed by all who have to.
pub fn resource(
    world: &World,
    name: &str,
    kind: &str,
    credential: Option<&str>,
    settings: &[&str],
) {
    let mut words = vec!["resources", "add", name, "--kind", kind];
    words.extend(["--environment", "production", "--owner", "olaf"]);
    words.extend(
        credential
            .iter()
            .flat_map(|secret| ["--credential", secret]),
    );
    words.extend(settings.iter().flat_map(|setting| ["--set", setting]));
    world.signed("olaf", &words);
}

/// Writes the configuration with which rosa's OpenSSH finds the door; her key is in `pockets`.
pub fn write_ssh_config(world: &World, pockets: &Path) {
    let known = pockets.join("known_hosts");
    let identity = pockets.join("rosa");
    let words = [
        "ssh-config",
        "--identity-file",
        identity.to_str().unwrap(),
        "--known-hosts",
        known.to_str().unwrap(),
    ];
    let config = world.json("rosa", &words, 0);
    let path = world.folder().join("ssh_config");
    std::fs::write(path, text(&config["ssh_config"])).unwrap();
}
