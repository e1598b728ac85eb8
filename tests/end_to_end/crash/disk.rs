//! Small disks of a test's own: one that can be filled, one that can become read-only under a running server.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use portcullis_ports::conformance::machine::left_out;

use crate::client::until;

/// A mounted disk. Dropping it takes it away.
pub struct Disk {
    place: PathBuf,
    image: Option<PathBuf>,
}

fn done(command: &mut Command) -> bool {
    let output = command.output();
    output.is_ok_and(|output| output.status.success())
}

impl Disk {
    /// One in memory; nothing where that is not possible.
    pub fn small(place: &Path, mebibytes: u32) -> Option<Self> {
        let size = format!("size={mebibytes}m");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(place);
        Self::mounted(done(&mut mount), place, None)
    }

    /// One in a file, as ext4; nothing where that is not possible.
    pub fn in_a_file(place: &Path, mebibytes: u64) -> Option<Self> {
        let image = place.with_extension("image");
        let file = File::create(&image).unwrap();
        file.set_len(mebibytes << 20).unwrap();
        let made = done(Command::new("mkfs.ext4").arg("-q").arg(&image));
        let mounted = made && done(&mut mount(&image, place));
        Self::mounted(mounted, place, Some(image))
    }

    fn mounted(mounted: bool, place: &Path, image: Option<PathBuf>) -> Option<Self> {
        if !mounted {
            left_out("root, mounts and loop devices, for a disk of its own");
            return None;
        }
        Some(Self {
            place: place.to_path_buf(),
            image,
        })
    }

    fn filler(&self) -> PathBuf {
        self.place.join("filler")
    }

    /// Fills it to the last byte.
    pub fn fill(&self) {
        let mut filler = File::create(self.filler()).unwrap();
        for size in [1 << 20, 4 << 10, 1] {
            while filler.write_all(&vec![0; size]).is_ok() {}
        }
    }

    /// Takes what filled it away.
    pub fn make_room(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }

    /// Nothing can be written any more, as after an error of the device.
    pub fn fail(&self) {
        let mut mount = Command::new("mount");
        mount.args(["-o", "remount,abort"]).arg(&self.place);
        assert!(done(&mut mount));
    }

    /// Mounts what is left of it anew, as after a repair, from a copy: another test's namespace may still hold
    /// the one that failed. Nobody may use it meanwhile.
    pub fn repair(&self) {
        until("nobody uses it", || {
            done(Command::new("umount").arg(&self.place))
        });
        let failed = self.image.as_ref().expect("a disk in a file");
        let image = failed.with_extension("mended");
        std::fs::copy(failed, &image).unwrap();
        // It says by its status that it repaired something.
        done(Command::new("e2fsck").args(["-f", "-y"]).arg(&image));
        assert!(done(&mut mount(&image, &self.place)));
    }
}

fn mount(image: &Path, place: &Path) -> Command {
    let mut mount = Command::new("mount");
    mount.args(["-o", "loop"]).arg(image).arg(place);
    mount
}

impl Drop for Disk {
    fn drop(&mut self) {
        done(Command::new("umount").arg("--lazy").arg(&self.place));
    }
}
