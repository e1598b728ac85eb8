//! Tasks: declared and looked at, asked for by name, matched with what a client typed, looked at again before they run.
//!
//! What a task is worth is computed from its program and arguments and from what was seen of its account. Three owners'
//! signatures say that it may be asked for, and change nothing of that.

use portcullis_classify::task::{
    self, ACCOUNT, COMMAND, NAME, Reach, TASK, WORDS, judge, plain_words,
};
use portcullis_flow::change::ChangeBody;
use portcullis_flow::records::{TaskState, place};
use portcullis_model::{
    Action, Argument, Authentication, Digest, Intent, Path, Probed, Resource, Secret, Task, TaskId,
};
use portcullis_policy::{LineQuery, PolicyAction};
use portcullis_ports::clock::random;
use portcullis_ports::control::{InTransit, OpenWish, TargetCredential};
use portcullis_vault::{CertRequest, session_key};
use serde::Serialize;

use crate::Engine;
use crate::changes::ChangeView;
use crate::changes::apply::check_name;
use crate::failure::Failure;
use crate::lists::{Order, Page, Part};
use crate::preview::Assessment;

/// How long the certificate can be used that a host is looked at with.
const LOOK_LASTS: std::time::Duration = std::time::Duration::from_mins(1);

/// What an owner declares.
#[derive(Debug, Clone)]
pub struct Declaration {
    /// The resource's name.
    pub resource: String,
    /// The task's name.
    pub name: String,
    /// The account it runs as.
    pub account: String,
    /// The program's absolute path.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<Argument>,
}

/// A task for people and programs.
#[derive(Debug, Clone, Serialize)]
pub struct TaskView {
    /// The record.
    #[serde(flatten)]
    pub task: Task,
    /// The resource's name.
    pub resource_name: String,
    /// What to type: its name and a stand-in for each word.
    pub usage: String,
}

impl Engine {
    /// Declares a task, or declares it anew, after a look at its host.
    pub async fn declare_task(
        &self,
        who: &Authentication,
        declaration: Declaration,
    ) -> Result<ChangeView, Failure> {
        let resource = self.resource_named(&declaration.resource).await?;
        if !resource.owners.contains(&who.identity) {
            return Err(Failure::denied(
                "not_eligible",
                format!("only an owner of {} declares its tasks", resource.name),
                format!(
                    "ask one of them: portcullis resources show {}",
                    resource.name
                ),
            ));
        }
        self.check_declaration(&resource, &declaration)?;
        let known = self.task_at(&resource, &declaration.name).await?;
        let program = &declaration.program;
        let seen = self.look(&resource, &declaration.account, program).await?;
        let task = Task {
            id: known.map_or_else(|| self.journal.fresh_id::<TaskId>(), |task| task.id),
            resource: resource.id,
            name: declaration.name,
            account: declaration.account,
            program: declaration.program,
            arguments: declaration.arguments,
            seen,
        };
        self.propose(who, ChangeBody::PutTask { task }).await
    }

    fn check_declaration(&self, resource: &Resource, wanted: &Declaration) -> Result<(), Failure> {
        check_name(&wanted.name)?;
        task::check(&wanted.program, &wanted.arguments)
            .map_err(|error| Failure::Invalid(error.to_string()))?;
        let broker = self.ports.broker(&resource.kind);
        let broker = broker
            .filter(|broker| broker.descriptor().action(TASK).is_some())
            .ok_or_else(|| {
                Failure::Invalid(format!(
                    "{} is a resource of kind {}, which runs no tasks",
                    resource.name, resource.kind
                ))
            })?;
        if let Some(secret) = &resource.credential {
            return Err(Failure::Invalid(format!(
                "{} is opened by the vaulted secret {secret}, which nothing holds to one program: have the host trust \
                 this installation's certificates instead",
                resource.name
            )));
        }
        let offered = broker.endpoint(resource)?.accounts;
        if !offered.contains(&wanted.account) {
            return Err(Failure::Invalid(format!(
                "account {} is not offered at {}; there is {}: add it with resources edit --set accounts=…",
                wanted.account,
                resource.name,
                offered.join(", ")
            )));
        }
        Ok(())
    }

    /// Removes a task; what it allowed ends.
    pub async fn remove_task(
        &self,
        who: &Authentication,
        resource: &str,
        name: &str,
    ) -> Result<ChangeView, Failure> {
        let resource = self.resource_named(resource).await?;
        let task = self.task(&resource, name).await?;
        let body = ChangeBody::RemoveTask {
            task: task.id,
            name: format!("{name} on {}", resource.name),
        };
        self.propose(who, body).await
    }

    /// The tasks, oldest first. Everybody signed in may see what there is to ask for.
    pub async fn list_tasks(&self, page: &Page) -> Result<Part<TaskView>, Failure> {
        let census = self.census().await?;
        let there =
            |state: &TaskState| !state.removed && census.resource(state.task.resource).is_some();
        let part = self.part(page, Order::OldestFirst, there).await?;
        part.try_map(|(_, state)| Ok(seen(state.task, |id| census.resource_name(id))))
    }

    /// One task.
    pub async fn show_task(&self, resource: &str, name: &str) -> Result<TaskView, Failure> {
        let resource = self.resource_named(resource).await?;
        let task = self.task(&resource, name).await?;
        Ok(seen(task, |_| resource.name.clone()))
    }

    async fn task_at(&self, resource: &Resource, name: &str) -> Result<Option<Task>, Failure> {
        let place = place(resource.id, name);
        let found = self.journal.find_one::<TaskState>("place", &place).await?;
        found
            .map(|loaded| Ok(loaded.get()?.task.clone()))
            .transpose()
    }

    async fn task(&self, resource: &Resource, name: &str) -> Result<Task, Failure> {
        let found = self.task_at(resource, name).await?;
        found.ok_or_else(|| Failure::missing("task", format!("{name} on {}", resource.name)))
    }

    /// The tasks of a resource, by name.
    pub(crate) async fn tasks_of(&self, resource: &Resource) -> Result<Vec<Task>, Failure> {
        let id = resource.id.to_string();
        let all = self.journal.find::<TaskState>(&[("resource", &id)]).await?;
        let there = all.into_iter().filter(|(_, state)| !state.removed);
        let mut tasks: Vec<Task> = there.map(|(_, state)| state.task).collect();
        tasks.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(tasks)
    }

    /// Reads `task NAME [--] WORDS…`.
    pub(crate) async fn parse_task(
        &self,
        resource: &Resource,
        words: &[String],
    ) -> Result<Action, Failure> {
        let mut words = words.iter().skip(1).map(String::as_str);
        let name = words.next().ok_or_else(|| {
            Failure::Invalid(format!(
                "say which task: task NAME WORDS…; see portcullis tasks list, and resource {}",
                resource.name
            ))
        })?;
        let task = self.task(resource, name).await?;
        let given: Vec<&str> = words
            .enumerate()
            .filter(|(place, word)| *place > 0 || *word != "--")
            .map(|(_, word)| word)
            .collect();
        invoke(&task, resource, &given)
    }

    /// What a client's request at the door is: a task where the first of its words is a task's name, and as it was
    /// asked otherwise. Text that begins with a task's name is that task or nothing.
    pub(crate) async fn called(
        &self,
        resource: &Resource,
        wish: &OpenWish,
    ) -> Result<Action, Failure> {
        let Some(text) = typed(&wish.action) else {
            return Ok(wish.action.clone());
        };
        let text = text.trim_start_matches(' ');
        let name = text.split(' ').next().unwrap_or_default();
        let Some(task) = self.task_at(resource, name).await? else {
            return Ok(wish.action.clone());
        };
        let words = plain_words(text).map_err(|error| refused(&task, resource, &error))?;
        if task.account != wish.login.account {
            return Err(Failure::denied(
                "other_account",
                format!("the task {name} runs as {}", task.account),
                format!("ssh {}@{} {text}", task.account, resource.name),
            ));
        }
        let (_, given) = words.split_first().unwrap_or((&"", &[]));
        invoke(&task, resource, given)
    }

    /// What a task comes to: its worth from its words and what was seen of its account, its path from the line.
    pub(crate) async fn assess_task(
        &self,
        resource: Resource,
        intent: Intent,
    ) -> Result<Assessment, Failure> {
        let name = intent.action.param(NAME).unwrap_or_default();
        let task = self.task(&resource, name).await?;
        let words = plain_words(intent.action.param(WORDS).unwrap_or_default());
        let words = words.map_err(|error| refused(&task, &resource, &error))?;
        if invoke(&task, &resource, &words)? != intent.action {
            return Err(Failure::Conflict(format!(
                "the task {name} on {} was declared anew and means something else now: ask again",
                resource.name
            )));
        }
        let argv = task::resolve(&task, &words);
        let argv = argv.map_err(|error| refused(&task, &resource, &error))?;
        let reach = Reach {
            account: Some(&task.seen),
            sensitivity: resource.sensitivity,
        };
        let classified = task::classify(&argv, &reach);
        let line = LineQuery::new(&classified.impact, false, &resource);
        let action = match self.bundle().line(&line) {
            Path::Ordinary => PolicyAction::RunTask,
            Path::Privileged => PolicyAction::OpenSession,
        };
        Assessment::task(resource, intent, action, classified, &Digest::of(&task)?)
    }

    /// Looks at a task's host again: whatever differs from what owners signed is refused, with what to do.
    pub(crate) async fn still_as_signed(
        &self,
        resource: &Resource,
        action: &Action,
    ) -> Result<(), Failure> {
        let Some(name) = action.param(NAME).filter(|_| action.name == TASK) else {
            return Ok(());
        };
        let task = self.task(resource, name).await?;
        let now = self.look(resource, &task.account, &task.program).await?;
        let Some(what) = difference(&task.seen, &now) else {
            return Ok(());
        };
        Err(Failure::denied(
            "task_changed",
            format!(
                "the task {name} on {} is not run: {what} since it was declared",
                resource.name
            ),
            format!(
                "an owner who finds the change right declares it anew: {}",
                declaring(resource, &task)
            ),
        ))
    }

    /// Looks at an account and a program, and judges them.
    async fn look(
        &self,
        resource: &Resource,
        account: &str,
        program: &str,
    ) -> Result<Probed, Failure> {
        let broker = self.ports.broker(&resource.kind);
        let broker = broker.ok_or_else(|| Failure::missing("broker for kind", &resource.kind))?;
        let credential = self.look_credential(account)?;
        let sighting = broker.sight(resource, account, program, credential).await?;
        judge(program, &sighting).map_err(|unfit| {
            Failure::denied(
                "unfit",
                format!(
                    "{account} at {} cannot run {program} as a task: {unfit}",
                    resource.name
                ),
                "mend that at the host, then try again",
            )
        })
    }

    fn look_credential(&self, account: &str) -> Result<TargetCredential, Failure> {
        let entropy = self.journal.entropy.as_ref();
        let pair = session_key(&Secret::new(random(entropy)))?;
        let now = self.journal.now();
        let certificate = self.own.ssh_authority.certify(
            &CertRequest {
                subject: pair.public,
                principals: vec![account.to_owned()],
                valid_after: now.minus(LOOK_LASTS).as_secs(),
                valid_before: now.plus(LOOK_LASTS).as_secs(),
                serial: u64::from_be_bytes(random(entropy)),
                key_id: "portcullis looks at an account".to_owned(),
                force_command: None,
                source_addresses: Vec::new(),
                permit_pty: false,
            },
            &random(entropy),
        )?;
        let private = String::from_utf8(pair.private.expose_owned())
            .map_err(|_| Failure::Damaged("a key is not text".to_owned()))?;
        Ok(TargetCredential::Certificate {
            private_key: InTransit(Secret::new(private)),
            certificate,
        })
    }
}

/// The words that ask for a task, when an action is one.
pub(crate) fn asking(action: &Action) -> Option<Vec<String>> {
    let name = action.param(NAME).filter(|_| action.name == TASK)?;
    let words = action.param(WORDS).unwrap_or_default().split(' ');
    let words = words.filter(|word| !word.is_empty());
    Some(
        [TASK, name]
            .into_iter()
            .chain(words)
            .map(str::to_owned)
            .collect(),
    )
}

/// The command line that a session ran, when it was one.
fn typed(action: &Action) -> Option<&str> {
    action.param(COMMAND).filter(|_| action.name == EXEC)
}

fn seen(task: Task, named: impl Fn(portcullis_model::ResourceId) -> String) -> TaskView {
    TaskView {
        resource_name: named(task.resource),
        usage: task::usage(&task),
        task,
    }
}

fn invoke(task: &Task, resource: &Resource, words: &[&str]) -> Result<Action, Failure> {
    task::invoke(task, words).map_err(|error| refused(task, resource, &error))
}

fn refused(task: &Task, resource: &Resource, error: &task::Mismatch) -> Failure {
    Failure::denied(
        "not_as_declared",
        format!("the task {} on {}: {error}", task.name, resource.name),
        format!("type it so: {}", task::usage(task)),
    )
}

/// What differs from what was signed.
fn difference(signed: &Probed, now: &Probed) -> Option<String> {
    if signed.program != now.program {
        return Some("its program was changed".to_owned());
    }
    if signed.shell != now.shell {
        return Some(format!(
            "its account's login shell was changed from {} to {}",
            signed.shell, now.shell
        ));
    }
    if signed.uid != now.uid {
        return Some(format!(
            "its account's number was changed from {} to {}",
            signed.uid, now.uid
        ));
    }
    (signed.groups != now.groups).then(|| "its account's groups were changed".to_owned())
}

/// The words that declare a task as it is.
fn declaring(resource: &Resource, task: &Task) -> String {
    let words = task.arguments.iter().map(|argument| {
        if argument.is_typed() {
            format!("'{argument}'")
        } else {
            argument.to_string()
        }
    });
    let words: Vec<_> = std::iter::once(task.program.clone()).chain(words).collect();
    format!(
        "portcullis tasks add {} {} --account {} -- {}",
        resource.name,
        task.name,
        task.account,
        words.join(" ")
    )
}

/// The action that runs a command line.
const EXEC: &str = "exec";

/// The words that would declare what a session ran as a task; nothing when it ran something else than plain words.
pub(crate) fn suggestion(resource: &str, action: &Action) -> Option<String> {
    let words = plain_words(typed(action)?).ok()?;
    let (program, rest) = words.split_first()?;
    let name = suggested_name(&words);
    let program = if program.starts_with('/') {
        (*program).to_owned()
    } else {
        task::known_program(program).unwrap_or_else(|| format!("/PATH/TO/{program}"))
    };
    let account = action.param(ACCOUNT).filter(|account| *account != "root");
    let words: Vec<_> = std::iter::once(program.as_str())
        .chain(rest.iter().copied())
        .collect();
    Some(format!(
        "portcullis tasks add {resource} {name} --account {} -- {}",
        account.unwrap_or("ACCOUNT"),
        words.join(" ")
    ))
}

/// A name made of the words of a command.
fn suggested_name(words: &[&str]) -> String {
    let parts = words
        .iter()
        .map(|word| word.rsplit('/').next().unwrap_or(word));
    let joined = parts.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    let kept = joined
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
    let kept: String = kept.take(40).collect();
    kept.split('-')
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("-")
}
