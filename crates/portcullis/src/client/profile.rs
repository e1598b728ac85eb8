//! Sign-ins as the command line keeps them: a private file each, and which one is current.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use crate::args::Global;
use crate::outcome::{Stuck, Usage};
use crate::server::folder::replace_private;

/// One sign-in. The file is private: the token in it is good until it ends.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    /// The server.
    pub(crate) server: String,
    /// The certificate to trust it by, as PEM; the system's own trust when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ca: Option<String>,
    /// Who.
    pub(crate) name: String,
    /// The token.
    pub(crate) token: String,
}

/// Where sign-ins are kept.
pub(crate) struct Home(PathBuf);

impl Home {
    /// The folder that the options name, or the usual one.
    pub(crate) fn of(global: &Global) -> anyhow::Result<Self> {
        if let Some(home) = &global.around.sign_ins {
            return Ok(Self(home.clone()));
        }
        let user = global.around.home.as_deref();
        let user =
            user.ok_or_else(|| Usage("there is no home folder: set PORTCULLIS_HOME".to_owned()))?;
        Ok(Self(user.join(".config/portcullis")))
    }

    /// A folder of sign-ins.
    pub(crate) fn at(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// Keeps every sign-in, none of them the current one.
    pub(crate) fn leave_nobody_current(&self) -> anyhow::Result<()> {
        remove(&self.current())
    }

    /// Where that is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    fn file(&self, name: &str) -> anyhow::Result<PathBuf> {
        if name.is_empty() || name.contains(['/', '\0']) || name.starts_with('.') {
            bail!(Usage(format!("{name:?} is no name")));
        }
        Ok(self.0.join(format!("{name}.json")))
    }

    fn current(&self) -> PathBuf {
        self.0.join("current")
    }

    /// Keeps a sign-in and makes it the current one.
    pub(crate) fn keep(&self, profile: &Profile) -> anyhow::Result<()> {
        replace_private(&self.file(&profile.name)?, &serde_json::to_vec(profile)?)?;
        replace_private(&self.current(), profile.name.as_bytes())
    }

    /// The sign-in that the options name, or the current one.
    pub(crate) fn load(&self, named: Option<&str>) -> anyhow::Result<Profile> {
        let name = match named {
            Some(name) => name.to_owned(),
            None => std::fs::read_to_string(self.current()).map_err(|_| {
                anyhow::Error::new(Stuck {
                    what: "you are not signed in".to_owned(),
                    next: "portcullis login NAME (without a server yet: portcullis demo)"
                        .to_owned(),
                })
            })?,
        };
        let path = self.file(&name)?;
        let bytes = std::fs::read(&path).map_err(|_| {
            anyhow::Error::new(Stuck {
                what: format!("{name} is not signed in here"),
                next: format!("portcullis login {name}"),
            })
        })?;
        serde_json::from_slice(&bytes).with_context(|| format!("reading {}", path.display()))
    }

    /// Forgets a sign-in.
    pub(crate) fn forget(&self, name: &str) -> anyhow::Result<()> {
        remove(&self.file(name)?)?;
        if std::fs::read_to_string(self.current()).is_ok_and(|current| current == name) {
            remove(&self.current())?;
        }
        Ok(())
    }
}

fn remove(path: &Path) -> anyhow::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", path.display()))
        }
        _ => Ok(()),
    }
}
