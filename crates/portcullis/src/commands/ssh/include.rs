//! A file of our own that `~/.ssh/config` includes: rewritten as often as one likes, nothing is there twice.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::args::Global;
use crate::outcome::Usage;
use crate::server::folder::replace_private;

/// Our file, in the folder of the user's own configuration.
const FILE: &str = "portcullis_config";

/// Writes our file and sees to it that the user's own includes it; returns where ours is.
pub(super) fn keep(global: &Global, lines: &str) -> anyhow::Result<PathBuf> {
    let folder = folder(global)?;
    let file = folder.join(FILE);
    replace_private(&file, lines.as_bytes())?;
    include(&folder.join("config"))?;
    Ok(file)
}

/// The folder of the user's own configuration.
pub(super) fn folder(global: &Global) -> anyhow::Result<PathBuf> {
    let home = global.around.home.as_deref();
    let home = home.ok_or_else(|| Usage("there is no home folder: set HOME".to_owned()))?;
    Ok(home.join(".ssh"))
}

/// Before everything else: what stands behind a `Host` line counts for that host only.
fn include(config: &Path) -> anyhow::Result<()> {
    // Through a link, so that the link stays one.
    let config = config
        .canonicalize()
        .unwrap_or_else(|_| config.to_path_buf());
    let known = match std::fs::read_to_string(&config) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(|| format!("reading {}", config.display())),
    };
    if known.lines().any(includes_ours) {
        return Ok(());
    }
    let gap = if known.is_empty() { "" } else { "\n" };
    replace_private(&config, format!("Include {FILE}\n{gap}{known}").as_bytes())
}

fn includes_ours(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let is_include = words
        .next()
        .is_some_and(|word| word.eq_ignore_ascii_case("include"));
    is_include && words.any(|word| word.trim_matches('"').rsplit('/').next() == Some(FILE))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_own_configuration_includes_ours_once_and_keeps_all_it_had() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config");
        include(&config).unwrap();
        assert_eq!(
            std::fs::read_to_string(&config).unwrap(),
            "Include portcullis_config\n"
        );
        std::fs::write(&config, "Host old\n  User me\n").unwrap();
        for _ in 0..2 {
            include(&config).unwrap();
        }
        let text = std::fs::read_to_string(&config).unwrap();
        assert_eq!(text, "Include portcullis_config\n\nHost old\n  User me\n");
    }

    #[test]
    fn a_configuration_behind_a_link_is_written_and_the_link_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (config, kept) = (folder.path().join("config"), folder.path().join("kept"));
        std::fs::write(&kept, "Host old\n").unwrap();
        std::os::unix::fs::symlink(&kept, &config).unwrap();
        include(&config).unwrap();
        assert!(config.is_symlink());
        assert!(
            std::fs::read_to_string(&kept)
                .unwrap()
                .starts_with("Include ")
        );
    }

    #[test]
    fn other_includes_are_not_ours() {
        assert!(includes_ours("  include ~/.ssh/portcullis_config"));
        assert!(!includes_ours("Include portcullis_config_old"));
        assert!(!includes_ours("# Include portcullis_config"));
    }
}
