//! What demos that were killed hard left behind: their folders and their throwaway users.

use std::path::{Path, PathBuf};

use rustix::process::{Pid, test_kill_process};

use super::accounts;
use super::folder::{Folder, PREFIX};

/// A system user that some demo made.
#[derive(Debug, PartialEq, Eq)]
struct Throwaway {
    name: String,
    demo: Option<Pid>,
    folder: PathBuf,
}

/// Removes what dead demos left; says what. A living demo holds the lock of its folder.
pub(crate) fn sweep() -> Vec<String> {
    let place = std::env::temp_dir();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let users: Vec<_> = users
        .lines()
        .filter_map(|line| throwaway(line, &place))
        .collect();
    let mut swept = Vec::new();
    for path in folders(&place) {
        let Some(dead) = Folder::of_a_dead_demo(&path) else {
            continue;
        };
        for user in users.iter().filter(|user| user.folder == path) {
            accounts::remove(&user.name);
            swept.push(format!("the user {}", user.name));
        }
        drop(dead);
        swept.push(path.display().to_string());
    }
    // Somebody may have emptied the place for temporary files, or a demo died while it removed its own.
    for user in users.iter().filter(|user| is_forsaken(user)) {
        accounts::remove(&user.name);
        swept.push(format!("the user {}", user.name));
    }
    swept
}

fn folders(place: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(place).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX))
        .map(|entry| entry.path())
        .collect()
}

/// Whether its folder and its demo are gone both.
fn is_forsaken(user: &Throwaway) -> bool {
    let lives = user.demo.is_some_and(
        |demo| !matches!(test_kill_process(demo), Err(error) if error == rustix::io::Errno::SRCH),
    );
    !user.folder.exists() && !lives
}

/// A line of the list of users, when a demo made it: by its name, and by its home in a demo's folder.
fn throwaway(line: &str, place: &Path) -> Option<Throwaway> {
    let fields: Vec<_> = line.split(':').collect();
    let (name, home) = (*fields.first()?, Path::new(*fields.get(5)?));
    let mut parts = name.strip_prefix(accounts::PREFIX)?.split('-');
    let (_purpose, demo, None) = (parts.next()?, parts.next()?, parts.next()) else {
        return None;
    };
    let demo = demo.parse::<i32>().ok()?;
    let folder = home.parent()?;
    let is_ours = folder.parent() == Some(place)
        && folder
            .file_name()?
            .to_str()
            .is_some_and(|name| name.starts_with(PREFIX));
    is_ours.then(|| Throwaway {
        name: name.to_owned(),
        demo: Pid::from_raw(demo),
        folder: folder.to_path_buf(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_demos_user_is_known_by_its_name_and_its_home_together() {
        let place = Path::new("/tmp");
        let line = "pc-web-4711:x:998:998::/tmp/portcullis-demo-a1/web:/bin/bash";
        let known = throwaway(line, place).unwrap();
        assert_eq!(known.name, "pc-web-4711");
        assert_eq!(known.folder, Path::new("/tmp/portcullis-demo-a1"));
        for other in [
            "root:x:0:0:root:/root:/bin/bash",
            "pc-web-4711:x:998:998::/home/pc-web-4711:/bin/bash",
            "pc-web-4711:x:998:998::/tmp/portcullis-demo-a1:/bin/bash",
            "pc-web-4711:x:998:998::/srv/tmp/portcullis-demo-a1/web:/bin/bash",
            "pc-web-x:x:998:998::/tmp/portcullis-demo-a1/web:/bin/bash",
            "pc-web-1-2:x:998:998::/tmp/portcullis-demo-a1/web:/bin/bash",
            "web-4711:x:998:998::/tmp/portcullis-demo-a1/web:/bin/bash",
            "",
        ] {
            assert_eq!(throwaway(other, place), None, "{other}");
        }
    }

    #[test]
    fn the_folder_of_a_living_demo_is_left_alone_and_that_of_a_dead_one_taken_over() {
        // Of its own: a demo that starts at this moment would sweep in this one's stead.
        let place = tempfile::tempdir().unwrap();
        let living = Folder::make_in(place.path()).unwrap();
        let path = living.path().to_path_buf();
        assert!(Folder::of_a_dead_demo(&path).is_none());
        living.die();
        let dead = Folder::of_a_dead_demo(&path).unwrap();
        drop(dead);
        assert!(!path.exists());
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_not_taken_over() {
        use std::os::unix::fs::PermissionsExt;
        let planted = tempfile::tempdir().unwrap();
        std::fs::set_permissions(planted.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(Folder::of_a_dead_demo(planted.path()).is_none());
        let link = planted.path().join("link");
        std::os::unix::fs::symlink("/", &link).unwrap();
        assert!(Folder::of_a_dead_demo(&link).is_none());
    }
}
