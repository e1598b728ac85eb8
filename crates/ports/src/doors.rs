//! Every public door that takes a permit, as examples that compile and examples that must not. Those of one door are the
//! same text but for the type of what it is handed, or for how often: nothing else can make them fail, since a mistake in
//! the text fails the first of them. Only `cargo test --doc` compiles them.

/// The examples of one door: `given` is what it is handed. What it must not take can be brought to it, and not handed in.
macro_rules! door {
    (
        $name:ident $with:tt $call:block
        takes $($permit:ty),+;
        never $($other:ty),+;
        twice $spent:ty;
    ) => {
        $(#[doc = concat!("```\n", example!($permit, $with $call), "\n```\n\n")])+
        $(
            #[doc = concat!("```\n", example!($other, $with), "\n```\n\n")]
            #[doc = concat!("```compile_fail\n", example!($other, $with $call), "\n```\n\n")]
        )+
        #[doc = concat!("```compile_fail\n", example!($spent, $with $call $call), "\n```\n\n")]
        mod $name {}
    };
}

macro_rules! example {
    ($given:ty, ($($with:ident: $kind:ty),*) $($call:block)*) => {
        concat!(
            "use std::collections::BTreeSet;\n",
            "use portcullis_model::{Action, Digest, Secret};\n",
            "use portcullis_policy::*;\n",
            "use portcullis_ports::{Assignment, Connector, Entropy, Rotator, Site, Target};\n",
            "fn come(given: ", stringify!($given), $(", ", stringify!($with), ": ", stringify!($kind),)* ") {\n",
            $("drop(", stringify!($call), ");\n",)*
            "}"
        )
    };
}

door! {
    assign(door: &dyn Connector, target: &Target<'_>, action: &Action, approved: Digest, ours: &BTreeSet<String>) {
        door.assign(given, target, action, "ana", approved, ours)
    }
    takes Permit<Ordinary, AssignEntitlement>;
    never &Permit<Ordinary, AssignEntitlement>, Permit<Ordinary, RunTask>, Permit<Privileged, OpenSession>,
        Permit<Privileged, ReleaseSecret>, DutyPermit, ();
    twice Permit<Ordinary, AssignEntitlement>;
}

door! {
    remove(door: &dyn Connector, target: &Target<'_>, assignment: &Assignment) {
        door.remove(given, target, assignment)
    }
    takes DutyPermit;
    never &DutyPermit, Permit<Ordinary, AssignEntitlement>, Permit<Privileged, OpenSession>, ();
    twice DutyPermit;
}

door! {
    install(door: &dyn Rotator, site: &Site<'_>, value: &Secret<Vec<u8>>, entropy: &dyn Entropy) {
        door.install(given, site, value, value, entropy)
    }
    takes DutyPermit;
    never &DutyPermit, Permit<Ordinary, AssignEntitlement>, Permit<Privileged, ReleaseSecret>, ();
    twice DutyPermit;
}

door! {
    retire(door: &dyn Rotator, site: &Site<'_>, value: &Secret<Vec<u8>>) {
        door.retire(given, site, value, value)
    }
    takes DutyPermit;
    never &DutyPermit, Permit<Ordinary, AssignEntitlement>, Permit<Privileged, ReleaseSecret>, ();
    twice DutyPermit;
}

// A gate opens a session by a lease alone.
door! {
    seal(door: &LeaseSigner, body: fn() -> LeaseBody) {
        door.seal(given, body())
    }
    takes SessionPermit, Permit<Privileged, OpenSession>, Permit<Ordinary, RunTask>;
    never &SessionPermit, &Permit<Privileged, OpenSession>, Permit<Ordinary, AssignEntitlement>,
        Permit<Privileged, ReleaseSecret>, Permit<Privileged, WatchSession>, DutyPermit, ();
    twice SessionPermit;
}
