//! Tasks: declared and looked at, asked for by name, matched with what a client typed, looked at again before they run.
//!
//! What a task is worth is computed from its program and arguments and from what was seen of its account. Three owners'
//! signatures say that it may be asked for, and change nothing of that.

mod declaring;
mod look;

use portcullis_classify::shell::{COMMAND, EXEC};
use portcullis_classify::task::{self, NAME, Reach, TASK, WORDS, plain_words};
use portcullis_flow::change::ChangeBody;
use portcullis_flow::records::{TaskState, place};
use portcullis_model::{
    Action, Argument, Authentication, Digest, Intent, Path, Resource, ResourceId, Sensitivity,
    Task, TaskId,
};
use portcullis_policy::{LineQuery, PolicyAction};
use portcullis_ports::control::OpenWish;
use serde::Serialize;

use crate::Engine;
use crate::assessment::{Assessment, explained};
use crate::changes::ChangeView;
use crate::changes::apply::check_name;
use crate::failure::Failure;
use crate::lists::{Order, Page, Part};
use crate::place;

pub(crate) use declaring::suggestion;

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
        self.journal.custody.opens()?;
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
        let replaces = self.task_digest(task.id).await?;
        self.propose(who, ChangeBody::PutTask { task, replaces })
            .await
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

    /// Why words ask for nothing, and for what they would where they begin with a task's name.
    pub(crate) async fn perhaps_a_task(
        &self,
        resource: &Resource,
        words: &[String],
        refused: Failure,
    ) -> Result<Failure, Failure> {
        let name = words.first().map_or("", String::as_str);
        let task = self.task_at(resource, name).await?;
        Ok(task.map_or(refused, |task| {
            Failure::Invalid(format!(
                "{name} is a task of {}: ask for it with the word before it, task {}",
                resource.name,
                task::usage(&task)
            ))
        }))
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
                format!(
                    "portcullis ssh {}@{} -- {text}",
                    task.account, resource.name
                ),
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
        let endpoint = self.way_in(&resource, &task.account)?;
        let argv = task::resolve(&task, &words);
        let argv = argv.map_err(|error| refused(&task, &resource, &error))?;
        let reach = Reach {
            account: Some(&task.seen),
            sensitivity: resource.sensitivity,
        };
        let own = task::classify(&argv, &reach);
        let reach = Reach {
            sensitivity: Sensitivity::Internal,
            ..reach
        };
        let elsewhere = task::classify(&argv, &reach).impact;
        let classified = explained(&self.bundle(), own, &elsewhere, &resource);
        let line = LineQuery::new(&classified.impact, false, &resource);
        let action = match self.bundle().line(&line) {
            Path::Ordinary => PolicyAction::RunTask,
            Path::Privileged => PolicyAction::OpenSession,
        };
        let bound = place::bound(&endpoint, Some(Digest::of(&task)?))?;
        Assessment::task(resource, intent, action, classified, &bound)
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

fn seen(task: Task, named: impl Fn(ResourceId) -> String) -> TaskView {
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
