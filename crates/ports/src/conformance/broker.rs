//! What every broker must do: describe itself truly, read a request's words in one way only, refuse what it
//! does not understand, call the unknown worst, and keep its own key to itself. How it serves is tried
//! against real servers in its own crate.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a suite says what is wrong by panicking"
)]

use std::collections::BTreeSet;

use portcullis_model::{Action, Impact, KindDescriptor, Resource};
use serde_json::Value;

use super::authenticator::Drawn;
use crate::{Broker, Opener};

/// A broker to be tried, with a resource it can reach.
pub trait Specimen {
    /// The broker.
    fn broker(&self) -> &dyn Broker;

    /// A resource with good settings.
    fn resource(&self) -> Resource;

    /// Requests' words, and the action each must become.
    fn requests(&self) -> Vec<(Vec<&'static str>, Action)>;

    /// Words that must become no action.
    fn nonsense(&self) -> Vec<Vec<&'static str>>;

    /// Settings no resource can have.
    fn broken_settings(&self) -> Vec<Value>;
}

/// Tries everything.
///
/// # Panics
/// When the broker does not conform, saying in what.
pub fn conforms(specimen: &dyn Specimen) {
    describes_itself(&specimen.broker().descriptor());
    defaults_name_settings(&specimen.broker().descriptor());
    reads_words_in_one_way(specimen);
    reads_its_own_offers(specimen);
    refuses_broken_settings(specimen);
    knows_where_to_go(specimen);
    calls_the_unknown_worst(specimen);
    keeps_its_key(specimen.broker());
    tells_what_to_place(specimen);
}

/// The words that ask for an action, as its kind describes them.
///
/// # Panics
/// When the kind does not describe the action.
pub fn words_of(descriptor: &KindDescriptor, action: &Action) -> Vec<String> {
    let described = descriptor
        .action(&action.name)
        .unwrap_or_else(|| panic!("the action {:?} is not described", action.name));
    let mut words = vec![action.name.clone()];
    let mut rest = None;
    for (name, value) in &action.params {
        let param = described.params.iter().find(|param| param.name == name);
        let param = param.unwrap_or_else(|| panic!("the parameter {name:?} is not described"));
        if param.rest {
            rest = Some(value.clone());
        } else {
            words.push(format!("{name}={value}"));
        }
    }
    if let Some(rest) = rest {
        words.extend(["--".to_owned(), rest]);
    }
    words
}

fn describes_itself(descriptor: &KindDescriptor) {
    let plain = |name: &str| {
        let byte = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        !name.is_empty() && name.bytes().all(byte)
    };
    assert!(plain(descriptor.name), "the name {:?}", descriptor.name);
    assert!(!descriptor.title.is_empty(), "there is no title");
    assert!(
        descriptor.connect_hint.contains("{name}"),
        "the hint {:?} does not name the resource",
        descriptor.connect_hint
    );
    assert!(!descriptor.actions.is_empty(), "there are no actions");
    let mut names = BTreeSet::new();
    for action in &descriptor.actions {
        assert!(
            names.insert(action.name),
            "{:?} is there twice",
            action.name
        );
        assert!(plain(action.name), "the action {:?}", action.name);
        assert!(!action.title.is_empty(), "{:?} has no title", action.name);
        assert!(action.brokered, "{:?} is not brokered", action.name);
        let rests = action.params.iter().filter(|param| param.rest).count();
        assert!(rests <= 1, "{:?} has several rests", action.name);
    }
}

fn defaults_name_settings(descriptor: &KindDescriptor) {
    let schema = descriptor.settings.as_value();
    let settings = schema.get("properties").and_then(Value::as_object);
    let settings = settings.expect("the schema of the settings has properties");
    assert_eq!(
        schema.get("additionalProperties"),
        Some(&Value::Bool(false)),
        "the schema takes settings nobody knows"
    );
    for param in descriptor.actions.iter().flat_map(|action| &action.params) {
        if let Some(setting) = param.default_from {
            assert!(settings.contains_key(setting), "there is no {setting:?}");
        }
    }
}

fn reads_words_in_one_way(specimen: &dyn Specimen) {
    let (broker, resource) = (specimen.broker(), specimen.resource());
    for (words, action) in specimen.requests() {
        let read = broker.parse(&resource, &owned(&words));
        assert_eq!(read.expect("a good request"), action, "{words:?}");
        let again = words_of(&broker.descriptor(), &action);
        let read = broker.parse(&resource, &again);
        assert_eq!(read.expect("its own words"), action, "{again:?}");
    }
    let more = [vec![], vec![""], vec!["--"], vec!["no such action"]];
    for words in specimen.nonsense().into_iter().chain(more) {
        let read = broker.parse(&resource, &owned(&words));
        let error = read.expect_err(&format!("{words:?} was read"));
        assert!(!error.to_string().is_empty(), "{words:?}: no reason");
    }
}

fn reads_its_own_offers(specimen: &dyn Specimen) {
    let (broker, resource) = (specimen.broker(), specimen.resource());
    let offers = broker.offers(&resource).expect("offers of a good resource");
    assert!(!offers.is_empty(), "a good resource offers nothing");
    for offer in offers {
        let words = words_of(&broker.descriptor(), &offer);
        let read = broker.parse(&resource, &words);
        assert_eq!(read.expect("an offer"), offer, "{words:?}");
    }
}

fn refuses_broken_settings(specimen: &dyn Specimen) {
    let broker = specimen.broker();
    let good = specimen.resource();
    let mut unknown = good.settings.clone();
    if let Some(fields) = unknown.as_object_mut() {
        fields.insert("no_such_setting".to_owned(), Value::Bool(true));
    }
    let unfit = specimen.broken_settings().into_iter();
    for settings in unfit.chain([unknown, Value::Null, Value::Array(Vec::new())]) {
        let resource = Resource {
            settings: settings.clone(),
            ..good.clone()
        };
        assert!(broker.offers(&resource).is_err(), "offers: {settings}");
        assert!(broker.endpoint(&resource).is_err(), "endpoint: {settings}");
        for (words, _) in specimen.requests() {
            let read = broker.parse(&resource, &owned(&words));
            assert!(read.is_err(), "parse: {settings}");
        }
    }
}

fn knows_where_to_go(specimen: &dyn Specimen) {
    let endpoint = specimen.broker().endpoint(&specimen.resource());
    let endpoint = endpoint.expect("the endpoint of a good resource");
    assert!(endpoint.address.contains(':'), "{endpoint:?} has no port");
    assert!(!endpoint.host_keys.is_empty(), "{endpoint:?} has no key");
}

fn calls_the_unknown_worst(specimen: &dyn Specimen) {
    let (broker, resource) = (specimen.broker(), specimen.resource());
    for action in [Action::named(""), Action::named("no such action")] {
        let classified = broker.classify(&resource, &action);
        assert_eq!(classified.impact, Impact::worst(), "{action}");
        assert!(!classified.reason.is_empty(), "{action}: no reason");
    }
    for (_, action) in specimen.requests() {
        // A session that opens an account is ended by signals, which nothing forced can be.
        assert_eq!(broker.forced(&action), None, "{action} is forced");
        let classified = broker.classify(&resource, &action);
        assert!(!classified.reason.is_empty(), "{action}: no reason");
    }
}

fn keeps_its_key(broker: &dyn Broker) {
    let made = |seed| broker.generate_host_key(&Drawn(seed)).expect("a host key");
    let ((private, public), (again, same), (_, other)) = (made(1), made(1), made(2));
    assert!(
        private == again && public == same,
        "the key is not of its bytes alone"
    );
    assert_ne!(public, other, "other bytes make the same key");
    assert!(
        !public.contains(private.expose().as_str()),
        "the public half shows the private one"
    );
    assert_eq!(format!("{private:?}"), "[redacted]");
}

fn tells_what_to_place(specimen: &dyn Specimen) {
    let broker = specimen.broker();
    let resource = specimen.resource();
    let (secret, public) = ("VAULTED-NAME", "PUBLIC-HALF");
    for (opener, tells) in [
        (Opener::Authority("AUTHORITY-KEY"), &["AUTHORITY-KEY"][..]),
        (Opener::Key { secret, public }, &[secret, public]),
        (Opener::Password { secret }, &[secret]),
    ] {
        let told = broker.target_instructions(&resource, opener);
        for it in ["AUTHORITY-KEY", secret, public] {
            assert_eq!(
                told.contains(it),
                tells.contains(&it),
                "{it} for {opener:?}: {told}"
            );
        }
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}
