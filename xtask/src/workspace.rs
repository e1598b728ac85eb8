//! The workspace as data: packages with what they import, and the text of every file. The checks are functions
//! over this value, so their tests can hand them a workspace that does not exist.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use cargo_metadata::{DependencyKind, MetadataCommand};

use crate::rust::{self, Token};

/// Packages and files of one workspace. Paths are relative to `root` and use `/`.
#[derive(Debug, Default)]
pub struct Workspace {
    pub root: PathBuf,
    pub packages: Vec<Package>,
    pub files: Vec<File>,
}

/// One package of the workspace.
#[derive(Debug, Clone)]
pub struct Package {
    pub name: String,
    pub folder: String,
    pub imports: Vec<Import>,
    /// Features, its own or of what it imports, that it switches on for anything but its tests.
    pub switched_on: Vec<String>,
}

/// One line under a package's `dependencies`, for whatever target or feature.
#[derive(Debug, Clone)]
pub struct Import {
    pub name: String,
    pub kind: DependencyKind,
    /// True for a `path` dependency: a folder of ours rather than a published crate.
    pub ours: bool,
}

/// One text file that git tracks, or would.
#[derive(Debug, Clone)]
pub struct File {
    pub path: String,
    pub text: String,
}

impl File {
    /// True if the name ends in `.extension`, in that very spelling.
    pub fn has_extension(&self, extension: &str) -> bool {
        self.path
            .rsplit_once('.')
            .is_some_and(|(_, found)| found == extension)
    }
}

/// One Rust file, cut into tokens.
#[derive(Debug)]
pub struct Source<'a> {
    pub path: &'a str,
    pub text: &'a str,
    pub package: Option<&'a Package>,
    pub tokens: Vec<Token<'a>>,
    /// True if the whole file is compiled for tests only.
    pub only_tests: bool,
}

impl Workspace {
    /// Reads the workspace around the current directory.
    pub fn load() -> anyhow::Result<Self> {
        // Without resolving dependencies cargo reports imports as they are written, cycles among them too.
        let metadata = MetadataCommand::new()
            .no_deps()
            .exec()
            .context("cannot read cargo's metadata")?;
        let root = PathBuf::from(metadata.workspace_root.as_std_path());
        let packages = metadata
            .packages
            .iter()
            .map(|package| read_package(package, &root))
            .collect();
        let files = read_files(&root)?;
        Ok(Self {
            root,
            packages,
            files,
        })
    }

    /// The file at `path`, if there is one.
    pub fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// The package called `name`, if there is one.
    pub fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.name == name)
    }

    /// The package that `path` lies in.
    pub fn package_of(&self, path: &str) -> Option<&Package> {
        self.packages
            .iter()
            .find(|package| within(path, &package.folder).is_some())
    }

    /// Every Rust file, with what is test code told apart.
    pub fn sources(&self) -> Vec<Source<'_>> {
        let mut sources: Vec<Source<'_>> = self
            .files
            .iter()
            .filter(|file| file.has_extension("rs"))
            .map(|file| self.source(file))
            .collect();
        let test_files = test_module_places(&sources);
        for source in &mut sources {
            let declared = test_files
                .iter()
                .any(|place| is_module_at(source.path, place));
            source.only_tests |= declared;
        }
        sources
    }

    fn source<'a>(&'a self, file: &'a File) -> Source<'a> {
        let package = self.package_of(&file.path);
        let inside = package
            .and_then(|package| within(&file.path, &package.folder))
            .unwrap_or(&file.path);
        let test_folder = ["tests/", "benches/", "examples/"]
            .iter()
            .any(|folder| inside.starts_with(folder));
        let test_package = package.is_some_and(|package| package.folder == "tests");
        Source {
            path: &file.path,
            text: &file.text,
            package,
            tokens: rust::tokens(&file.text),
            only_tests: test_folder || test_package,
        }
    }
}

impl<'a> Source<'a> {
    /// What is compiled outside tests.
    pub fn production(&self) -> Vec<Token<'a>> {
        if self.only_tests {
            Vec::new()
        } else {
            rust::without_tests(&self.tokens)
        }
    }

    /// What is compiled for tests only.
    pub fn tests(&self) -> Vec<Token<'a>> {
        if self.only_tests {
            self.tokens.clone()
        } else {
            rust::only_tests(&self.tokens)
        }
    }
}

/// `path` relative to `folder`, if it lies in it.
pub fn within<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    path.strip_prefix(folder)?.strip_prefix('/')
}

/// `path` as seen from `folder`, with `.` and `..` followed.
pub fn resolve(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// Where `#[cfg(test)] mod NAME;` puts its module: a path without `.rs`.
fn test_module_places(sources: &[Source<'_>]) -> BTreeSet<String> {
    let mut places = BTreeSet::new();
    for source in sources {
        let folder = module_folder(source.path);
        places.extend(
            rust::test_modules(&source.tokens)
                .iter()
                .map(|name| format!("{folder}/{name}")),
        );
    }
    places
}

/// The folder in which the submodules of the file at `path` live.
fn module_folder(path: &str) -> String {
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    match stem.rsplit_once('/') {
        Some((folder, "lib" | "main" | "mod")) => folder.to_owned(),
        _ => stem.to_owned(),
    }
}

fn is_module_at(path: &str, place: &str) -> bool {
    path.strip_suffix(".rs") == Some(place) || within(path, place).is_some()
}

fn read_package(package: &cargo_metadata::Package, root: &Path) -> Package {
    let folder = package
        .manifest_path
        .parent()
        .map_or(root, cargo_metadata::camino::Utf8Path::as_std_path);
    let imports = package.dependencies.iter().map(|dependency| Import {
        name: dependency.name.clone(),
        kind: dependency.kind,
        ours: dependency.path.is_some(),
    });
    Package {
        name: package.name.to_string(),
        folder: relative(folder, root),
        imports: imports.collect(),
        switched_on: switched_on(package),
    }
}

fn switched_on(package: &cargo_metadata::Package) -> Vec<String> {
    let needed = package.dependencies.iter();
    let needed = needed.filter(|dependency| dependency.kind != DependencyKind::Development);
    let asked = needed.flat_map(|dependency| &dependency.features);
    let implied = package.features.values().flatten();
    asked
        .chain(implied)
        .map(|name| name.rsplit('/').next().unwrap_or(name).to_owned())
        .collect()
}

fn relative(path: &Path, root: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .to_string_lossy()
        .replace('\\', "/")
}

/// Every text file that git tracks or would track. What is not UTF-8 is not ours to read.
fn read_files(root: &Path) -> anyhow::Result<Vec<File>> {
    let listing = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root)
        .output()
        .context("cannot run git to list the files")?;
    ensure!(
        listing.status.success(),
        "git ls-files failed: {}",
        String::from_utf8_lossy(&listing.stderr).trim()
    );
    let names = String::from_utf8(listing.stdout).context("a file name is not UTF-8")?;
    let mut files = Vec::new();
    for path in names.split_terminator('\0') {
        if let Ok(text) = std::fs::read_to_string(root.join(path)) {
            files.push(File {
                path: path.to_owned(),
                text,
            });
        }
    }
    Ok(files)
}
