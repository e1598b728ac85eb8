//! Permits: values that only a decision makes and that everything dangerous takes. A door that forgot
//! the check does not compile. What the real doors take is tried in `portcullis-ports`, `doors.rs`.
//!
//! A door says which permit it wants and takes it by value:
//!
//! ```
//! use portcullis_policy::{OpenSession, Permit, Privileged};
//! fn open(permit: Permit<Privileged, OpenSession>) {
//!     drop(permit);
//! }
//! fn caller(permit: Permit<Privileged, OpenSession>) {
//!     open(permit);
//! }
//! ```
//!
//! An ordinary permit does not open a session:
//!
//! ```compile_fail,E0308
//! use portcullis_policy::{AssignEntitlement, OpenSession, Ordinary, Permit, Privileged};
//! fn open(permit: Permit<Privileged, OpenSession>) {
//!     drop(permit);
//! }
//! fn caller(permit: Permit<Ordinary, AssignEntitlement>) {
//!     open(permit);
//! }
//! ```
//!
//! There is no ordinary permit for a session (that of a task is another), nor a privileged one for an entitlement:
//!
//! ```compile_fail,E0277
//! use portcullis_policy::{OpenSession, Ordinary, Permit};
//! fn caller(permit: Permit<Ordinary, OpenSession>) {}
//! ```
//!
//! ```compile_fail,E0277
//! use portcullis_policy::{AssignEntitlement, Permit, Privileged};
//! fn caller(permit: Permit<Privileged, AssignEntitlement>) {}
//! ```
//!
//! A permit is spent by its use:
//!
//! ```compile_fail,E0382
//! use portcullis_policy::{OpenSession, Permit, Privileged};
//! fn open(permit: Permit<Privileged, OpenSession>) {
//!     drop(permit);
//! }
//! fn caller(permit: Permit<Privileged, OpenSession>) {
//!     open(permit);
//!     open(permit);
//! }
//! ```
//!
//! It cannot be cloned, written down, read back, or made:
//!
//! ```compile_fail,E0277
//! fn is_clone<T: Clone>() {}
//! is_clone::<portcullis_policy::Permit<portcullis_policy::Privileged, portcullis_policy::OpenSession>>();
//! ```
//!
//! ```compile_fail,E0277
//! fn is_written<T: serde::Serialize>() {}
//! is_written::<portcullis_policy::Permit<portcullis_policy::Privileged, portcullis_policy::OpenSession>>();
//! ```
//!
//! ```compile_fail,E0277
//! fn is_read<T: serde::de::DeserializeOwned>() {}
//! is_read::<portcullis_policy::Permit<portcullis_policy::Privileged, portcullis_policy::OpenSession>>();
//! ```
//!
//! ```compile_fail,E0277
//! fn is_default<T: Default>() {}
//! is_default::<portcullis_policy::Permit<portcullis_policy::Privileged, portcullis_policy::OpenSession>>();
//! ```
//!
//! ```compile_fail,E0624
//! use portcullis_policy::{OpenSession, Permit, Privileged};
//! let forged = Permit::<Privileged, OpenSession>::new(unreachable!(), unreachable!());
//! ```
//!
//! Nor can another crate add an act of its own:
//!
//! ```compile_fail,E0277
//! use portcullis_model::ResourceId;
//! use portcullis_policy::{Act, Object, PolicyAction, Privileged};
//! struct Forged;
//! impl Act<Privileged> for Forged {
//!     type Object = ResourceId;
//!     const ACTION: PolicyAction = PolicyAction::OpenSession;
//!     fn object(_: Object<'_>) -> Option<ResourceId> {
//!         None
//!     }
//! }
//! ```

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use portcullis_model::{Controls, Digest, IdentityId, Path, ResourceId, Subject, Timestamp};

use crate::query::{Object, PolicyAction};

mod sealed {
    pub trait Sealed {}
}

/// A path as a type.
pub trait PathKind: sealed::Sealed {
    /// The path.
    const PATH: Path;
}

/// The ordinary path.
#[derive(Debug)]
pub enum Ordinary {}

/// The privileged path.
#[derive(Debug)]
pub enum Privileged {}

impl sealed::Sealed for Ordinary {}
impl sealed::Sealed for Privileged {}

impl PathKind for Ordinary {
    const PATH: Path = Path::Ordinary;
}

impl PathKind for Privileged {
    const PATH: Path = Path::Privileged;
}

/// An act that is taken on the path `P`.
pub trait Act<P: PathKind>: sealed::Sealed {
    /// What it is done to.
    type Object: Copy + fmt::Debug;
    /// What policies call it.
    const ACTION: PolicyAction;
    /// The object as a permit names it; nothing when the act is not done to such an object.
    fn object(object: Object<'_>) -> Option<Self::Object>;
}

macro_rules! acts {
    ($($(#[$doc:meta])* $name:ident on $path:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $name {}

        impl sealed::Sealed for $name {}

        impl Act<$path> for $name {
            type Object = ResourceId;
            const ACTION: PolicyAction = PolicyAction::$name;

            fn object(object: Object<'_>) -> Option<ResourceId> {
                match object {
                    Object::Resource(resource) => Some(resource.id),
                    Object::Installation => None,
                }
            }
        }
    )+};
}

acts! {
    /// Give a right to the person's own account at the target.
    AssignEntitlement on Ordinary;
    /// Run a task that the line calls ordinary, in a brokered session forced to its program and arguments.
    RunTask on Ordinary;
    /// Open a brokered session.
    OpenSession on Privileged;
    /// Let a secret out of the vault.
    ReleaseSecret on Privileged;
    /// Look into a session while it runs.
    WatchSession on Privileged;
    /// Look into a session's tape.
    ReplayTape on Privileged;
}

/// Change Portcullis itself: the installation, or one resource's entry in it.
#[derive(Debug)]
pub enum Administer {}

impl sealed::Sealed for Administer {}

impl Act<Privileged> for Administer {
    type Object = Option<ResourceId>;
    const ACTION: PolicyAction = PolicyAction::Administer;

    fn object(object: Object<'_>) -> Option<Option<ResourceId>> {
        Some(match object {
            Object::Resource(resource) => Some(resource.id),
            Object::Installation => None,
        })
    }
}

/// Leave to do one act once, soon. See the module for what cannot be done with it.
#[derive(Debug)]
#[must_use = "a permit that is not used lets nothing happen"]
pub struct Permit<P: PathKind, A: Act<P>> {
    terms: Terms,
    object: A::Object,
    kind: PhantomData<(P, A)>,
}

/// What every permit says.
#[derive(Debug)]
pub(crate) struct Terms {
    pub(crate) bundle: Digest,
    pub(crate) intent: Digest,
    pub(crate) subject: Subject,
    pub(crate) profile: Controls,
    pub(crate) not_after: Timestamp,
}

impl<P: PathKind, A: Act<P>> Permit<P, A> {
    /// How long after the decision a permit can be used: time for what leads to the act, not more.
    pub const LIFETIME: Duration = Duration::from_mins(2);

    pub(crate) const fn new(terms: Terms, object: A::Object) -> Self {
        Self {
            terms,
            object,
            kind: PhantomData,
        }
    }

    /// The bundle that decided.
    pub const fn bundle(&self) -> Digest {
        self.terms.bundle
    }

    /// The intent it is for; the door compares it with what it is about to do.
    pub const fn intent(&self) -> Digest {
        self.terms.intent
    }

    /// Who acts.
    pub const fn identity(&self) -> IdentityId {
        self.terms.subject.identity
    }

    /// Who acts, and on whose behalf.
    pub const fn subject(&self) -> &Subject {
        &self.terms.subject
    }

    /// What it is done to.
    pub const fn object(&self) -> A::Object {
        self.object
    }

    /// The controls under which it was allowed: the door keeps them up.
    pub const fn profile(&self) -> Controls {
        self.terms.profile
    }

    /// The last moment at which it can be used.
    pub const fn not_after(&self) -> Timestamp {
        self.terms.not_after
    }

    /// Whether it can still be used.
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        now <= self.terms.not_after
    }
}

impl<P: PathKind, A: Act<P, Object = ResourceId>> Permit<P, A> {
    /// The resource it is done to.
    pub const fn resource(&self) -> ResourceId {
        self.object
    }
}

/// Leave to open a session: any session on the privileged path, that of a task on the ordinary one.
#[derive(Debug)]
#[must_use = "a permit that is not used lets nothing happen"]
pub enum SessionPermit {
    /// On the privileged path.
    Session(Permit<Privileged, OpenSession>),
    /// On the ordinary path.
    Task(Permit<Ordinary, RunTask>),
}

impl From<Permit<Privileged, OpenSession>> for SessionPermit {
    fn from(permit: Permit<Privileged, OpenSession>) -> Self {
        Self::Session(permit)
    }
}

impl From<Permit<Ordinary, RunTask>> for SessionPermit {
    fn from(permit: Permit<Ordinary, RunTask>) -> Self {
        Self::Task(permit)
    }
}

impl SessionPermit {
    pub(crate) const fn new(path: Path, terms: Terms, object: ResourceId) -> Self {
        match path {
            Path::Privileged => Self::Session(Permit::new(terms, object)),
            Path::Ordinary => Self::Task(Permit::new(terms, object)),
        }
    }

    /// The path it counts on.
    pub const fn path(&self) -> Path {
        match self {
            Self::Session(_) => Path::Privileged,
            Self::Task(_) => Path::Ordinary,
        }
    }

    const fn terms(&self) -> &Terms {
        match self {
            Self::Session(permit) => &permit.terms,
            Self::Task(permit) => &permit.terms,
        }
    }

    /// The bundle that decided.
    pub const fn bundle(&self) -> Digest {
        self.terms().bundle
    }

    /// The intent it is for.
    pub const fn intent(&self) -> Digest {
        self.terms().intent
    }

    /// Who acts, and on whose behalf.
    pub const fn subject(&self) -> &Subject {
        &self.terms().subject
    }

    /// The resource it is for.
    pub const fn resource(&self) -> ResourceId {
        match self {
            Self::Session(permit) => permit.object,
            Self::Task(permit) => permit.object,
        }
    }

    /// The controls under which it was allowed.
    pub const fn profile(&self) -> Controls {
        self.terms().profile
    }

    /// The last moment at which it can be used.
    pub const fn not_after(&self) -> Timestamp {
        self.terms().not_after
    }
}
