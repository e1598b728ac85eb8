//! `enroll`: brings a host in, over the caller's own `ssh`. Preview, apply, exact undo.

mod reach;
mod show;

use anyhow::bail;
use portcullis_hosts::{Act, Known, Plan, Record, Went, Wish, side_doors};
use portcullis_model::SideDoor;
use serde_json::{Value, json};

use crate::args::EnvironmentArg;
use crate::args::Global;
use crate::args::hosts::EnrollArgs;
use crate::client::{Api, ApiError};
use crate::outcome::{Outcome, Stuck, Usage};
use crate::output::text;
use reach::Reach;
use show::Told;

/// Looks at a host, and does what is asked for.
pub(crate) async fn run(global: &Global, args: EnrollArgs) -> anyhow::Result<Outcome> {
    let reach = Reach::to(&args)?;
    let done = if args.undo {
        undo(global, &args, &reach).await
    } else {
        bring_in(global, &args, &reach).await
    };
    reach.end().await;
    done
}

/// Asks on until nothing is left to ask.
async fn look(args: &EnrollArgs, reach: &Reach<'_>) -> anyhow::Result<Known> {
    let mut known = Known::nothing(&args.sshd_config);
    loop {
        let asks = known.asks();
        if asks.is_empty() {
            return Ok(known);
        }
        let answers = reach.look(&asks).await?;
        known.take(asks, answers);
    }
}

/// The host as it is wanted, and the resource it becomes.
struct Enrolment<'a> {
    args: &'a EnrollArgs,
    api: Api,
    authority: String,
    name: String,
    /// The record that is there.
    resource: Option<Value>,
}

async fn bring_in(
    global: &Global,
    args: &EnrollArgs,
    reach: &Reach<'_>,
) -> anyhow::Result<Outcome> {
    let enrolment = Enrolment::begin(global, args).await?;
    let known = look(args, reach).await?;
    enrolment.is_the_host(&known)?;
    let plan = Plan::of(&known, &enrolment.wish());
    let mut doors = side_doors(&known, &enrolment.authority);
    let mut told = Told::new(&enrolment.name, &plan);
    let can = plan.against.is_empty();
    if args.apply && can {
        let change = enrolment.propose(&known, reach).await?;
        if !plan.acts.is_empty() {
            let after = enrolment.apply(&plan, reach).await;
            if after.is_err() && !global.json {
                show::still_waits(change.as_ref())?;
            }
            doors = side_doors(&after?, &enrolment.authority);
        }
        told.change(change);
        told.applied();
    }
    told.doors(&doors, enrolment.report(&known, &doors).await?);
    if can {
        told.show(global, args)
    } else {
        told.refused(global)
    }
}

impl<'a> Enrolment<'a> {
    async fn begin(global: &Global, args: &'a EnrollArgs) -> anyhow::Result<Self> {
        let name = resource_name(args)?;
        let api = Api::signed_in(global)?;
        let keys = api.get("/ledger/key").await?;
        let resource = match api.get(&format!("/resources/{name}")).await {
            Ok(resource) => Some(resource),
            Err(ApiError::Problem(problem)) if problem.status == 404 => None,
            Err(error) => return Err(error.into()),
        };
        if args.apply && resource.is_none() && args.environment.is_none() {
            bail!(Usage(format!(
                "{name} is no resource yet: say what depends on it, --environment production"
            )));
        }
        let authority = text(&keys, "/ssh_authority");
        Ok(Self {
            args,
            api,
            authority,
            name,
            resource,
        })
    }

    fn wish(&self) -> Wish<'_> {
        Wish {
            authority: &self.authority,
            account: &self.args.account,
            tasks: self.tasks(),
        }
    }

    fn tasks(&self) -> Option<&str> {
        let tasks = self.args.tasks.as_str();
        (!self.args.no_tasks && tasks != self.args.account).then_some(tasks)
    }

    /// Proposes the resource, unless it is there, or waits already because this was begun before.
    async fn propose(&self, known: &Known, reach: &Reach<'_>) -> anyhow::Result<Option<Value>> {
        if self.resource.is_some() {
            return Ok(None);
        }
        let changes = self.api.list("/changes").await?;
        let waits = |change: &&Value| {
            text(change, "/status") == "pending"
                && text(change, "/body/change") == "put_resource"
                && text(change, "/body/resource/name") == self.name
        };
        let mut changes = changes.as_array().into_iter().flatten();
        if let Some(change) = changes.find(waits) {
            return Ok(Some(change.clone()));
        }
        let args = self.args;
        let address = match &args.address {
            Some(address) => address.clone(),
            None => reach.address().await?,
        };
        let mut owners = args.owners.clone();
        if owners.is_empty() {
            owners.push(text(&self.api.get("/whoami").await?, "/name"));
        }
        let accounts: Vec<_> = self.tasks().into_iter().collect();
        let body = json!({
            "name": self.name,
            "kind": "ssh",
            "environment": args.environment.map(EnvironmentArg::as_str),
            "sensitivity": args.sensitivity.as_str(),
            "owners": owners,
            "settings": {
                "address": address,
                "host_keys": known.host_keys(),
                "account": args.account,
                "accounts": accounts,
            },
        });
        let put = self.api.post("/resources", &body).await?;
        Ok(put.get("change").cloned())
    }

    /// Does what the plan says; the host as it is afterwards.
    async fn apply(&self, plan: &Plan, reach: &Reach<'_>) -> anyhow::Result<Known> {
        match reach.act(&plan.acts).await? {
            Went::Well => {}
            Went::Stopped { at, why } if plan.acts.get(at) == Some(&Act::Check) => {
                take_back(self.args, reach).await?;
                bail!(Stuck {
                    what: format!("{why}; everything was taken back"),
                    next: "mend sshd's configuration at the host, and begin again".to_owned(),
                });
            }
            Went::Stopped { at, why } => bail!(stopped(plan.acts.get(at), &why)),
            Went::Silent { after } => bail!(fell_silent(after, plan.acts.len())),
        }
        reach.anew().await?;
        // What sshd itself says of it counts, not what was written.
        let known = look(self.args, reach).await?;
        let now = Plan::of(&known, &self.wish());
        if now.acts.is_empty() && now.against.is_empty() {
            return Ok(known);
        }
        bail!(Stuck {
            what: "everything was done, and sshd does not trust the authority as it should"
                .to_owned(),
            next: "portcullis enroll HOST says what is missing; --undo takes everything back"
                .to_owned(),
        })
    }

    /// A host that shows none of the keys of the resource that has the name is another one.
    fn is_the_host(&self, known: &Known) -> anyhow::Result<()> {
        let pinned = self.resource.as_ref();
        let pinned =
            pinned.and_then(|resource| resource.pointer("/settings/host_keys")?.as_array());
        let shown = known.host_keys();
        let words = |key: &str| {
            key.split_whitespace()
                .take(2)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let shows = |key: &Value| {
            key.as_str()
                .is_some_and(|key| shown.iter().any(|shown| words(shown) == words(key)))
        };
        match pinned {
            Some(keys) if !keys.iter().any(shows) => bail!(Stuck {
                what: format!(
                    "{} shows none of the keys of {}: it is another host, or has new keys",
                    self.args.host, self.name
                ),
                next: "--name NAME for another host; resources edit --set host_keys=… for new keys"
                    .to_owned(),
            }),
            _ => Ok(()),
        }
    }

    /// Reports the doors where the resource is there and the caller owns it; what is known of them. Of a host that was hardly
    /// seen nothing is reported: what was decided of it would be forgotten.
    async fn report(&self, known: &Known, doors: &[SideDoor]) -> anyhow::Result<Option<Value>> {
        if !known.is_whole() {
            return Ok(None);
        }
        let path = format!("/resources/{}/side-doors", self.name);
        match self.api.post(&path, &json!({ "doors": doors })).await {
            Ok(known) => Ok(Some(known)),
            Err(ApiError::Problem(problem))
                if problem.status == 404 || problem.code == "not_eligible" =>
            {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The name it has, or the host's up to its first dot.
fn resource_name(args: &EnrollArgs) -> anyhow::Result<String> {
    if let Some(name) = &args.name {
        return Ok(name.clone());
    }
    let host = args.host.rsplit('@').next().unwrap_or(&args.host);
    let is_address = host.parse::<std::net::IpAddr>().is_ok();
    let label = host.split('.').next().unwrap_or(host);
    if is_address || label.is_empty() || host.contains(['[', '/', ':']) {
        bail!(Usage(format!(
            "{host} makes no name for a resource: say one, --name NAME"
        )));
    }
    Ok(label.to_ascii_lowercase())
}

async fn undo(global: &Global, args: &EnrollArgs, reach: &Reach<'_>) -> anyhow::Result<Outcome> {
    let undone = take_back(args, reach).await?;
    show::undone(global, args, &undone)?;
    Ok(Outcome::Done)
}

/// Takes back what was done at the host; what that was.
async fn take_back(args: &EnrollArgs, reach: &Reach<'_>) -> anyhow::Result<Vec<Act>> {
    let known = look(args, reach).await?;
    let Some(record) = Record::of(&known).map_err(by_hand)? else {
        bail!(Stuck {
            what: format!("nothing was done at {} that could be undone", args.host),
            next: "portcullis enroll HOST says what would be".to_owned(),
        });
    };
    let way = record.undone(&known);
    if !way.against.is_empty() {
        bail!(Stuck {
            what: format!("nothing was undone: {}", way.against.join("; ")),
            next: "then portcullis enroll HOST --undo".to_owned(),
        });
    }
    match reach.act(&way.acts).await? {
        Went::Well => Ok(way.acts),
        Went::Stopped { at, why } => bail!(stopped(way.acts.get(at), &why)),
        Went::Silent { after } => bail!(fell_silent(after, way.acts.len())),
    }
}

fn by_hand(what: String) -> Stuck {
    let next = format!("look into {} at the host", portcullis_hosts::KEPT);
    Stuck { what, next }
}

fn stopped(step: Option<&Act>, why: &str) -> Stuck {
    let step = step.map_or_else(String::new, ToString::to_string);
    Stuck {
        what: format!("could not {step}: {why}"),
        next: "mend that and do the same again: what was done is found to be; --undo takes it back"
            .to_owned(),
    }
}

fn fell_silent(after: usize, of: usize) -> Stuck {
    Stuck {
        what: format!("the host said no more after {after} of {of} steps"),
        next: "do the same again: what was done is found to be; --undo takes it back".to_owned(),
    }
}
