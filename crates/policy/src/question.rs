//! A question put to one set of policies, ready to be asked under one profile of controls after another.

use cedar_policy::{
    Authorizer, Entities, EntityUid, PolicyId, PolicySet, Request, RestrictedExpression, Schema,
};
use portcullis_model::id::TypedId;
use portcullis_model::{
    Action, Controls, Digest, Environment, Group, GroupId, Identity, IdentityId, IdentityKind,
    Impact, OwnerRole, Path, Resource, ResourceId, Sensitivity, Timestamp,
};

use crate::query::{Object, PolicyAction, Query};
use crate::vocabulary::Vocabulary;
use crate::{circumstances, entities};

/// What a set of policies says under one profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Permitted to everybody in the chain, by these.
    Allowed(Vec<PolicyId>),
    /// Forbidden by these; when there are none, somebody in the chain is permitted by nothing.
    Denied(Vec<PolicyId>),
    /// A policy, or the question itself, could not be evaluated: denied as well.
    Failed {
        /// The policy, unless it was the question.
        policy: Option<PolicyId>,
        /// Why, in Cedar's words.
        told: String,
    },
}

/// See the module.
pub(crate) struct Question<'a> {
    policies: &'a PolicySet,
    principals: Vec<EntityUid>,
    action: EntityUid,
    object: EntityUid,
    entities: Entities,
    circumstances: Vec<(String, RestrictedExpression)>,
}

impl<'a> Question<'a> {
    /// Fits it to the schema, once for all profiles: they are all of one type.
    pub(crate) fn new(
        schema: &Schema,
        vocabulary: &Vocabulary,
        policies: &'a PolicySet,
        action: PolicyAction,
        query: &Query<'_>,
    ) -> Result<Self, String> {
        let mut principals = vec![vocabulary.identity(query.subject.id)];
        for behind in query.on_behalf_of {
            principals.push(vocabulary.identity(behind.id));
        }
        let question = Self {
            policies,
            principals,
            action: vocabulary.action(action),
            object: match query.object {
                Object::Resource(resource) => vocabulary.resource(resource.id),
                Object::Installation => vocabulary.installation.clone(),
            },
            entities: entities::of_query(vocabulary, schema, query, action.path())?,
            circumstances: circumstances::fixed(vocabulary, query)?,
        };
        for principal in &question.principals {
            question.request(principal, Controls::NONE, Some(schema))?;
        }
        Ok(question)
    }

    /// Asks for everybody in the chain: the answer is the narrowest of theirs.
    pub(crate) fn under(&self, controls: Controls) -> Verdict {
        let mut permits = Vec::new();
        for principal in &self.principals {
            match self.ask(principal, controls) {
                Ok(Verdict::Allowed(found)) => permits.extend(found),
                Ok(other) => return other,
                Err(told) => return Verdict::Failed { policy: None, told },
            }
        }
        permits.sort();
        permits.dedup();
        Verdict::Allowed(permits)
    }

    fn ask(&self, principal: &EntityUid, controls: Controls) -> Result<Verdict, String> {
        let request = self.request(principal, controls, None)?;
        Ok(evaluate(&request, self.policies, &self.entities))
    }

    fn request(
        &self,
        principal: &EntityUid,
        controls: Controls,
        schema: Option<&Schema>,
    ) -> Result<Request, String> {
        let context = circumstances::under(&self.circumstances, controls)?;
        let (action, object) = (self.action.clone(), self.object.clone());
        Request::new(principal.clone(), action, object, context, schema)
            .map_err(|error| entities::told(&error))
    }
}

/// Cedar skips a policy that fails; here nothing is allowed by what is left.
pub(crate) fn evaluate(request: &Request, policies: &PolicySet, entities: &Entities) -> Verdict {
    let response = Authorizer::new().is_authorized(request, policies, entities);
    if let Some(cedar_policy::AuthorizationError::PolicyEvaluationError(error)) =
        response.diagnostics().errors().next()
    {
        return Verdict::Failed {
            policy: Some(error.policy_id().clone()),
            told: error.inner().to_string(),
        };
    }
    let mut determining: Vec<PolicyId> = response.diagnostics().reason().cloned().collect();
    determining.sort();
    match response.decision() {
        cedar_policy::Decision::Allow => Verdict::Allowed(determining),
        cedar_policy::Decision::Deny => Verdict::Denied(determining),
    }
}

/// Whether every question that will be asked fits a schema; otherwise what does not.
pub(crate) fn fit(schema: &Schema, vocabulary: &Vocabulary) -> Result<(), String> {
    let at = Timestamp::from_millis(1);
    let identity = Identity {
        id: IdentityId::from_parts(at, [1; 10]),
        name: "sample".to_owned(),
        kind: IdentityKind::Agent,
        owner: Some(IdentityId::from_parts(at, [2; 10])),
        roles: [OwnerRole::Iam].into(),
        ends_at: Some(at),
        active: true,
    };
    let resource = Resource {
        id: ResourceId::from_parts(at, [3; 10]),
        name: "sample".to_owned(),
        kind: "sample".to_owned(),
        environment: Environment::Production,
        sensitivity: Sensitivity::Secret,
        owners: [identity.id].into(),
        credential: None,
        settings: serde_json::Value::Null,
    };
    let groups = [Path::Ordinary, Path::Privileged].map(|path| Group {
        id: GroupId::from_parts(at, [4; 10]),
        name: "sample".to_owned(),
        path,
        members: [identity.id].into(),
    });
    let nothing = PolicySet::new();
    let asked = |action, object| {
        let query = Query {
            subject: &identity,
            on_behalf_of: &[],
            groups: &groups,
            object,
            action: &Action::named("sample").with("name", "value"),
            impact: &Impact::worst(),
            met: Controls::NONE,
            now: at,
            intent: Digest::of_bytes(b""),
        };
        match Question::new(schema, vocabulary, &nothing, action, &query)?.under(Controls::NONE) {
            Verdict::Failed { told, .. } => Err(told),
            Verdict::Allowed(_) | Verdict::Denied(_) => Ok(()),
        }
    };
    for action in PolicyAction::ALL {
        asked(action, Object::Resource(&resource))?;
    }
    asked(PolicyAction::Administer, Object::Installation)?;
    crate::line::ask(
        schema,
        vocabulary,
        &nothing,
        &crate::line::LineQuery::new(&Impact::worst(), true, &resource),
    )
    .map(|_| ())
}
