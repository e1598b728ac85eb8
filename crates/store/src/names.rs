//! Which names may become paths below a folder of ours: none that could lead out of it.

use std::io;
use std::path::{Path, PathBuf};

/// The most bytes a name may have; well below any file system's limit for paths.
const LONGEST_NAME: usize = 1024;
/// The most bytes between two slashes: what Linux file systems take.
const LONGEST_SEGMENT: usize = 255;

/// The place of a name below a root, or why it has none: names are `a-z 0-9 _ - . /`, and no segment
/// is empty or begins with a dot.
pub fn below(root: &Path, name: &str) -> io::Result<PathBuf> {
    if name.len() > LONGEST_NAME || !name.split('/').all(is_segment) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the name is not made of a-z 0-9 _ - . / with segments that are neither empty nor begin with a dot",
        ));
    }
    Ok(root.join(name))
}

fn is_segment(segment: &str) -> bool {
    !segment.is_empty()
        && segment.len() <= LONGEST_SEGMENT
        && !segment.starts_with('.')
        && segment
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.'))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_plain_name_lies_below_the_root() {
        let path = below(Path::new("/data"), "tile/0/x001/067.p/5").unwrap();
        assert_eq!(path, Path::new("/data/tile/0/x001/067.p/5"));
    }

    #[test]
    fn a_name_that_could_leave_the_root_is_refused() {
        let long = "a".repeat(LONGEST_SEGMENT + 1);
        for name in [
            "",
            "/",
            "..",
            "../x",
            "a/../b",
            "/etc/passwd",
            "a//b",
            "a/",
            ".hidden",
            "a/.tmp",
            "a\\b",
            "a\0b",
            "A",
            "ä",
            &long,
        ] {
            assert!(below(Path::new("/data"), name).is_err(), "{name:?}");
        }
    }
}
