//! Looking for secrets, in every form in which they could be written down, in bytes, files and processes.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// Secrets to look for, in every form in which they could be written down.
pub struct Sweep {
    /// Whose each form is.
    names: Vec<String>,
    forms: AhoCorasick,
}

impl Sweep {
    /// One for secrets by name.
    pub fn of(secrets: &[(&str, Vec<u8>)]) -> Self {
        let written = secrets.iter().flat_map(|(name, secret)| {
            let forms = forms(secret).into_iter();
            forms.map(|form| ((*name).to_owned(), form))
        });
        let (names, forms): (Vec<_>, Vec<_>) = written.unzip();
        let forms = AhoCorasick::new(forms).expect("few and short forms");
        Self { names, forms }
    }

    /// Whose secrets are in these bytes, each name once.
    pub fn find(&self, bytes: &[u8]) -> Vec<&str> {
        let mut names = Vec::new();
        for found in self.forms.find_overlapping_iter(bytes) {
            let name = self.names[found.pattern()].as_str();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Every file below a folder that holds a secret: `FILE: NAME`.
    pub fn files(&self, folder: &Path, allowed: &dyn Fn(&Path, &str) -> bool) -> Vec<String> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(self.files(&path, allowed));
                continue;
            }
            // What was removed meanwhile, a write-ahead log for instance, holds nothing.
            let bytes = std::fs::read(&path).unwrap_or_default();
            let names = self.find(&bytes).into_iter();
            let names = names.filter(|name| !allowed(&path, name));
            found.extend(names.map(|name| format!("{}: {name}", path.display())));
        }
        found
    }

    /// Every process whose arguments or environment hold a secret: `ARGUMENTS: NAME`.
    pub fn processes(&self) -> Vec<String> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            for file in ["cmdline", "environ"] {
                let bytes = std::fs::read(entry.path().join(file)).unwrap_or_default();
                let names = self.find(&bytes).into_iter();
                found.extend(names.map(|name| {
                    let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
                    format!("{file} of {}: {name}", String::from_utf8_lossy(&line))
                }));
            }
        }
        found
    }
}

/// The environment of a process; nothing of one that does not let us look.
pub fn environment_of(process: u32) -> Vec<u8> {
    std::fs::read(format!("/proc/{process}/environ")).unwrap_or_default()
}

/// A secret as itself, in hexadecimal, in base64 at each of its places, and as Rust prints bytes.
pub fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap();
    let digits = |byte: &u8| [digit(byte >> 4), digit(byte & 15)];
    let hex: String = secret.iter().flat_map(digits).collect();
    let numbers: Vec<String> = secret.iter().map(u8::to_string).collect();
    let mut forms = vec![
        secret.to_vec(),
        hex.to_uppercase().into_bytes(),
        hex.into_bytes(),
        numbers.join(", ").into_bytes(),
    ];
    for before in 0..3 {
        let shifted = [vec![0; before], secret.to_vec()].concat();
        let text = STANDARD_NO_PAD.encode(&shifted);
        // Only characters that depend on nothing but the secret.
        let text = &text[(before * 8).div_ceil(6)..shifted.len() * 8 / 6];
        forms.push(text.as_bytes().to_vec());
        forms.push(text.replace('+', "-").replace('/', "_").into_bytes());
    }
    forms
}

/// Looks at every process again and again, until it is told to stop.
pub struct Watcher {
    stop: Arc<AtomicBool>,
    looking: std::thread::JoinHandle<Vec<String>>,
}

impl Watcher {
    pub fn start(sweep: Sweep) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let looking = std::thread::spawn(move || {
            let mut found = Vec::new();
            while !stopped.load(Ordering::SeqCst) && found.is_empty() {
                found = sweep.processes();
                std::thread::park_timeout(std::time::Duration::from_millis(5));
            }
            found
        });
        Self { stop, looking }
    }

    pub fn stop(self) -> Vec<String> {
        self.stop.store(true, Ordering::SeqCst);
        self.looking.join().unwrap()
    }
}
