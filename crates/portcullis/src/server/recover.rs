//! `recover`: an owner put in with what is in the safe.

use portcullis_engine::{Successor, succeed};
use portcullis_model::OwnerRole;

use super::folder::DataFolder;
use super::ports;
use crate::args::Global;
use crate::args::administration::RoleArg;
use crate::args::server::RecoverArgs;
use crate::outcome::Outcome;
use crate::output;
use crate::secret_file::offline_passphrase;

/// Runs it.
pub(crate) async fn run(global: &Global, args: RecoverArgs) -> anyhow::Result<Outcome> {
    let folder = DataFolder::open(&global.data)?;
    let ports = ports(&folder)?;
    let passphrase = offline_passphrase(args.passphrase_file.as_deref())?;
    let successor = Successor {
        name: args.name.clone(),
        roles: args.roles.into_iter().map(role).collect(),
    };
    let token = succeed(ports, passphrase, successor).await?;
    let (name, token) = (args.name, token.expose());
    if global.json {
        output::json(&serde_json::json!({ "name": name, "enrolment_token": token }))?;
        return Ok(Outcome::Done);
    }
    output::line(format!(
        "One-time token for {name} to enroll with (portcullis login --enroll), good for 24 hours:\n\n  {token}\n\n\
         The installation is frozen, and the ledger says why. Next: portcullis serve; {name} enrolls and signs in; then an\n\
         owner of identities or of privileged sessions runs portcullis thaw, and the others sign with approve."
    ))?;
    Ok(Outcome::Done)
}

const fn role(said: RoleArg) -> OwnerRole {
    match said {
        RoleArg::Iam => OwnerRole::Iam,
        RoleArg::Pam => OwnerRole::Pam,
        RoleArg::Resource => OwnerRole::Resource,
    }
}
