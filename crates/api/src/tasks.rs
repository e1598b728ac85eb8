//! Tasks: programs with typed arguments that owners declare for a resource.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use portcullis_engine::{ChangeView, Declaration, Part, TaskView};
use portcullis_model::{Argument, TaskId};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::body::{Body, Named};
use crate::lists::{Listed, PageParams, Paging};
use crate::problem::Problem;
use crate::{Answer, App, Routes};

pub(crate) fn routes() -> Routes {
    OpenApiRouter::new()
        .routes(routes!(list_tasks, declare_task))
        .routes(routes!(show_task, remove_task))
}

/// All tasks.
#[utoipa::path(get, path = "/tasks", tag = "tasks", params(PageParams),
    responses((status = 200, description = "Oldest first", body = Listed)))]
async fn list_tasks(State(engine): App, paging: Paging<TaskId>) -> Answer<Part<TaskView>> {
    let part = engine.list_tasks(&paging.page);
    Ok(Json(part.await?))
}

/// One task.
#[utoipa::path(get, path = "/tasks/{resource}/{name}", tag = "tasks",
    params(("resource" = String, Path), ("name" = String, Path)),
    responses((status = 200, description = "The task, and what to type", body = Value)))]
async fn show_task(
    State(engine): App,
    Named((resource, name)): Named<(String, String)>,
) -> Answer<TaskView> {
    Ok(Json(engine.show_task(&resource, &name).await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TaskBody {
    /// The resource's name.
    resource: String,
    /// The task's name, unique on the resource.
    name: String,
    /// The account it runs as.
    account: String,
    /// The program's absolute path.
    program: String,
    /// Its arguments in order, each `{"argument": "literal", "text"}`, `{"argument": "choice", "of"}`,
    /// `{"argument": "number", "least", "most"}`, `{"argument": "unit"}` or `{"argument": "path", "under"}`.
    #[schema(value_type = Vec<Object>)]
    arguments: Vec<Argument>,
}

/// Looks at the account and the program, then proposes the task, or a new declaration for the one that has the name.
#[utoipa::path(post, path = "/tasks", tag = "tasks", request_body = TaskBody,
    responses((status = 201, description = "The change", body = Value)))]
async fn declare_task(
    State(engine): App,
    Caller(who): Caller,
    Body(body): Body<TaskBody>,
) -> Result<(StatusCode, Json<ChangeView>), Problem> {
    let declaration = Declaration {
        resource: body.resource,
        name: body.name,
        account: body.account,
        program: body.program,
        arguments: body.arguments,
    };
    let change = engine.declare_task(&who, declaration).await?;
    Ok((StatusCode::CREATED, Json(change)))
}

/// Proposes to remove a task; what it allowed ends.
#[utoipa::path(delete, path = "/tasks/{resource}/{name}", tag = "tasks",
    params(("resource" = String, Path), ("name" = String, Path)),
    responses((status = 200, description = "The change", body = Value)))]
async fn remove_task(
    State(engine): App,
    Caller(who): Caller,
    Named((resource, name)): Named<(String, String)>,
) -> Answer<ChangeView> {
    Ok(Json(engine.remove_task(&who, &resource, &name).await?))
}
