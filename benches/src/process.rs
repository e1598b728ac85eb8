//! What a process cost, from what the kernel says of it.

use std::path::PathBuf;

use crate::Failure;
use crate::measure::float;

/// The kernel counts processor time towards programs in this many parts of a second (`USER_HZ`).
const TICKS: f64 = 100.0;

/// A running process.
#[derive(Debug, Clone, Copy)]
pub struct Process(pub u32);

impl Process {
    fn file(self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.0))
    }

    /// What it used of all processors so far, in seconds.
    pub fn cpu_seconds(self) -> Result<f64, Failure> {
        let fields = self.stat()?;
        let ticks = |place: usize| fields.get(place).and_then(|text| text.parse::<u64>().ok());
        let (Some(user), Some(system)) = (ticks(11), ticks(12)) else {
            return Err(format!("what process {} used cannot be read", self.0).into());
        };
        Ok(float(user + system) / TICKS)
    }

    /// Its memory, what it shares counted in parts (PSS), in KiB.
    pub fn memory(self) -> Result<f64, Failure> {
        let text = std::fs::read_to_string(self.file("smaps_rollup"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        Ok(float(number.ok_or("the kernel says no PSS")?))
    }

    /// The processes it started itself.
    pub fn children(self) -> Result<Vec<Self>, Failure> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(id) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            // One that ended meanwhile is nobody's child.
            let parent = Self(id)
                .stat()
                .ok()
                .and_then(|fields| fields.get(1)?.parse().ok());
            if parent == Some(self.0) {
                found.push(Self(id));
            }
        }
        Ok(found)
    }

    /// The program's name, as the kernel cuts it.
    pub fn name(self) -> Result<String, Failure> {
        Ok(std::fs::read_to_string(self.file("comm"))?
            .trim()
            .to_owned())
    }

    /// The fields of `stat` from the state on: the name before may contain anything.
    fn stat(self) -> Result<Vec<String>, Failure> {
        let text = std::fs::read_to_string(self.file("stat"))?;
        let (_, rest) = text.rsplit_once(')').ok_or("stat without a name")?;
        Ok(rest.split_whitespace().map(str::to_owned).collect())
    }
}
