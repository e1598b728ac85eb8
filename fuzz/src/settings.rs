//! Resources: the settings of every kind, and the words people ask for access with. The first line is JSON, every other
//! one a word.

use portcullis_model::{Action, Environment, Impact, Resource, Sensitivity};
use portcullis_ports::{Broker, Connector, Opener};

use crate::fixed::id;

pub(crate) fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.split('\n');
    let Ok(settings) = serde_json::from_str(lines.next().unwrap_or_default()) else {
        return;
    };
    let words: Vec<String> = lines.map(str::to_owned).collect();
    let resource = Resource {
        id: id(1),
        name: "resource".to_owned(),
        kind: "kind".to_owned(),
        environment: Environment::Production,
        sensitivity: Sensitivity::Internal,
        owners: [id(2)].into(),
        credential: None,
        settings,
    };
    for broker in portcullis_brokers::all() {
        brokered(&*broker, &resource, &words);
    }
    for connector in portcullis_connectors::all() {
        connected(&*connector, &resource, &words);
    }
}

/// What can be asked for is of a known action, worst unless a table says otherwise, and the same however often it is
/// written down.
fn brokered(broker: &dyn Broker, resource: &Resource, words: &[String]) {
    drop(broker.endpoint(resource));
    drop(broker.target_instructions(resource, Opener::Authority("ssh-ed25519 AAAA")));
    if let Ok(offers) = broker.offers(resource) {
        for action in offers {
            assert!(broker.descriptor().action(&action.name).is_some());
        }
    }
    let Ok(action) = broker.parse(resource, words) else {
        return;
    };
    assert!(broker.descriptor().action(&action.name).is_some());
    assert_eq!(broker.classify(resource, &action).impact, Impact::worst());
    let again = broker.parse(resource, &spelled(&action));
    assert_eq!(
        again.ok().as_ref(),
        Some(&action),
        "the same action is asked for otherwise"
    );
    assert!(
        action
            .param("command")
            .is_none_or(|command| !command.contains('\0'))
    );
}

/// An action in words.
fn spelled(action: &Action) -> Vec<String> {
    let mut words = vec![action.name.clone()];
    words.extend(
        action
            .param("account")
            .map(|account| format!("account={account}")),
    );
    if let Some(command) = action.param("command") {
        words.extend(["--".to_owned(), command.to_owned()]);
    }
    words
}

/// An entitlement gives the right that its settings name.
fn connected(connector: &dyn Connector, resource: &Resource, words: &[String]) {
    drop(connector.offers(resource));
    if let Ok(action) = connector.parse(resource, words) {
        let offered = connector.offers(resource).unwrap_or_default();
        assert!(
            offered.contains(&action),
            "what is read is not among what is offered"
        );
        assert!(!connector.right(resource, &action).name.is_empty());
    }
}

#[cfg(test)]
pub(crate) fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let host = r#"{"address":"web-1.example:22","host_keys":["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILqxJa4k/ahI7vGjCAqV04wHgqEAhqOnFXuZanVHoSw+"],"account":"root","accounts":["deploy"]}"#;
    let database = r#"{"host":"127.0.0.1","port":5432,"database":"shop","user":"portcullis","entitlements":{"read":"analytics_read"},"accounts":{"ana":"ana_login"}}"#;
    let remote = r#"{"host":"db.example","database":"shop","user":"portcullis","tls":"verify-full","ca_file":"/etc/ca.pem","entitlements":{"read":"r","write":"w"}}"#;
    vec![
        (
            "shell",
            format!("{host}\nshell\naccount=deploy").into_bytes(),
        ),
        ("exec", format!("{host}\nexec\n--\nuname\n-a").into_bytes()),
        ("database", format!("{database}\nread").into_bytes()),
        ("remote", format!("{remote}\nwrite").into_bytes()),
    ]
}
