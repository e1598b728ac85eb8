//! What the family's suite is told of it.

use portcullis_model::id::TypedId;
use portcullis_model::{Action, Environment, Resource, ResourceId, Sensitivity, Timestamp};
use portcullis_ports::Broker;
use portcullis_ports::conformance::broker::Specimen;
use serde_json::{Value, json};

use super::sshd::new_key;

pub struct Member(pub &'static dyn Broker);

impl Specimen for Member {
    fn broker(&self) -> &dyn Broker {
        self.0
    }

    fn resource(&self) -> Resource {
        Resource {
            id: ResourceId::from_parts(Timestamp::from_millis(1), [1; 10]),
            name: "web-1".to_owned(),
            kind: "ssh".to_owned(),
            environment: Environment::Production,
            sensitivity: Sensitivity::Internal,
            owners: std::collections::BTreeSet::new(),
            credential: None,
            settings: json!({
                "address": "web-1.example:22",
                "host_keys": [new_key(9).1],
                "account": "root",
                "accounts": ["deploy"],
            }),
        }
    }

    fn requests(&self) -> Vec<(Vec<&'static str>, Action)> {
        let exec = |account: &str, command: &str| {
            let action = Action::named("exec").with("account", account);
            action.with("command", command)
        };
        vec![
            (
                vec!["shell"],
                Action::named("shell").with("account", "root"),
            ),
            (
                vec!["shell", "account=deploy"],
                Action::named("shell").with("account", "deploy"),
            ),
            (vec!["exec", "--", "uname", "-a"], exec("root", "uname -a")),
            (
                vec!["exec", "account=deploy", "--", "a  b=c", "--"],
                exec("deploy", "a  b=c --"),
            ),
        ]
    }

    fn nonsense(&self) -> Vec<Vec<&'static str>> {
        vec![
            vec!["exec"],
            vec!["exec", "--"],
            vec!["exec", "uname"],
            vec!["shell", "--", "id"],
            vec!["shell", "account=mallory"],
            vec!["shell", "account=root", "account=root"],
            vec!["sftp"],
        ]
    }

    fn broken_settings(&self) -> Vec<Value> {
        let with = |field: &str, value: Value| {
            let mut settings = self.resource().settings;
            settings[field] = value;
            settings
        };
        vec![
            json!({}),
            with("address", json!("web-1")),
            with("address", json!("web-1:0")),
            with("address", json!("-oProxyCommand=x:22 ")),
            with("host_keys", json!([])),
            with("host_keys", json!(["ssh-rsa AAAA"])),
            with("account", json!("")),
            with("account", json!("root@web-2")),
            with("accounts", json!(["-x"])),
            with("accounts", json!("root")),
        ]
    }
}
