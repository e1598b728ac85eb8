//! A server, its superuser, and Portcullis' own role, which is no superuser.

use std::sync::Arc;

use portcullis_connectors::all;
use portcullis_model::id::TypedId;
use portcullis_model::{
    Action, Digest, Environment, IdentityId, Resource, ResourceId, Sensitivity, Timestamp,
};
use portcullis_ports::conformance::connector::{leave, permit, target};
use portcullis_ports::conformance::postgres_server::PostgresServer;
use portcullis_ports::{Assignment, Connector, ConnectorError, Effective, Held, Removal};
use serde_json::json;
use tokio_postgres::{Client, NoTls};

pub const PASSWORD: &str = "correct horse";

pub struct World {
    pub server: PostgresServer,
    pub admin: Client,
    pub connector: Arc<dyn Connector>,
}

impl World {
    pub async fn start() -> Self {
        Self::around(PostgresServer::start().unwrap()).await
    }

    pub async fn around(server: PostgresServer) -> Self {
        let admin = connect(&server.admin_url("postgres")).await.unwrap();
        let connector = all()
            .into_iter()
            .find(|connector| connector.descriptor().name == "postgres")
            .unwrap();
        let world = Self {
            server,
            admin,
            connector,
        };
        world
            .sql(&format!(
                "CREATE ROLE portcullis LOGIN PASSWORD '{PASSWORD}';
                 GRANT pg_signal_backend, pg_read_all_stats TO portcullis"
            ))
            .await;
        world
    }

    /// Runs statements as the superuser.
    pub async fn sql(&self, statements: &str) {
        self.admin
            .batch_execute(statements)
            .await
            .unwrap_or_else(|error| panic!("{statements}: {error:?}"));
    }

    /// Logs in as a role made by [`World::person`].
    pub async fn login(&self, role: &str) -> Result<Client, tokio_postgres::Error> {
        self.login_with(role, PASSWORD).await
    }

    /// The same, of any role.
    pub async fn login_with(
        &self,
        role: &str,
        password: &str,
    ) -> Result<Client, tokio_postgres::Error> {
        let mut config = tokio_postgres::Config::new();
        config
            .host("127.0.0.1")
            .port(self.server.port())
            .dbname("postgres")
            .user(role)
            .password(password);
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// A login role; the name is quoted here, independently of the connector.
    pub async fn person(&self, name: &str) {
        let quoted = name.replace('"', "\"\"");
        self.sql(&format!(
            "CREATE ROLE \"{quoted}\" LOGIN PASSWORD '{PASSWORD}'"
        ))
        .await;
    }

    /// A role that reads a table of its own, administered by Portcullis. Both are named after it.
    pub async fn reader(&self, name: &str) {
        let quoted = name.replace('"', "\"\"");
        self.sql(&format!(
            "CREATE ROLE \"{quoted}\";
             CREATE TABLE \"{quoted}_t\" (id int);
             GRANT SELECT ON \"{quoted}_t\" TO \"{quoted}\";
             GRANT \"{quoted}\" TO portcullis WITH ADMIN OPTION"
        ))
        .await;
    }

    /// The database as a resource that offers one role as `read`.
    pub fn resource(&self, role: &str) -> Resource {
        resource(json!({
            "host": "127.0.0.1",
            "port": self.server.port(),
            "database": "postgres",
            "user": "portcullis",
            "entitlements": {"read": role},
        }))
    }

    pub fn read(&self, resource: &Resource) -> Action {
        self.connector
            .parse(resource, &["read".to_owned()])
            .unwrap()
    }

    pub async fn try_effective(&self, role: &str) -> Result<Effective, ConnectorError> {
        let resource = self.resource(role);
        let action = self.read(&resource);
        let target = target(&resource, PASSWORD.as_bytes());
        self.connector.effective(&target, &action).await
    }

    pub async fn effective(&self, role: &str) -> Effective {
        self.try_effective(role).await.unwrap()
    }

    pub async fn digest(&self, role: &str) -> Digest {
        self.effective(role).await.digest().unwrap()
    }

    pub async fn held(&self, role: &str, account: &str) -> Held {
        let resource = self.resource(role);
        let action = self.read(&resource);
        let target = target(&resource, PASSWORD.as_bytes());
        self.connector
            .held(&target, &action, account)
            .await
            .unwrap()
    }

    /// Assigns what was approved, under a permit for exactly that.
    pub async fn assign(
        &self,
        role: &str,
        account: &str,
        approved: Digest,
    ) -> Result<Assignment, ConnectorError> {
        self.assign_beside(role, account, approved, &[]).await
    }

    /// The same while grants of ours gave the account some roles already.
    pub async fn assign_beside(
        &self,
        role: &str,
        account: &str,
        approved: Digest,
        ours: &[&str],
    ) -> Result<Assignment, ConnectorError> {
        let ours = ours.iter().map(|&role| role.to_owned()).collect();
        let resource = self.resource(role);
        let action = self.read(&resource);
        let permit = permit(&resource, &action, approved);
        let target = target(&resource, PASSWORD.as_bytes());
        self.connector
            .assign(permit, &target, &action, account, approved, &ours)
            .await
    }

    /// Assigns a role at its present worth.
    pub async fn give(&self, role: &str, account: &str) -> Assignment {
        let approved = self.digest(role).await;
        self.assign(role, account, approved).await.unwrap()
    }

    pub async fn take(&self, role: &str, assignment: &Assignment) -> Removal {
        let resource = self.resource(role);
        let target = target(&resource, PASSWORD.as_bytes());
        self.connector
            .remove(leave(resource.id), &target, assignment)
            .await
            .unwrap()
    }
}

pub async fn connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

pub fn resource(settings: serde_json::Value) -> Resource {
    let at = Timestamp::from_millis(1_795_000_000_000);
    Resource {
        id: ResourceId::from_parts(at, [1; 10]),
        name: "analytics".to_owned(),
        kind: "postgres".to_owned(),
        environment: Environment::Production,
        sensitivity: Sensitivity::Internal,
        owners: [IdentityId::from_parts(at, [2; 10])].into(),
        credential: Some("analytics-admin".to_owned()),
        settings,
    }
}
