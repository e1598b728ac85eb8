//! An account that a password opens.

use portcullis_ports::Rotator;
use portcullis_ports::conformance::rotator::Specimen;

use crate::host::Host;

const PRESENT: &str = "as it was before";

pub struct World(Host);

impl World {
    pub fn start() -> Option<Self> {
        let host = Host::new()?;
        host.set_password(PRESENT);
        Some(Self(host))
    }

    pub fn specimen<'a>(&self, rotator: &'a dyn Rotator) -> Specimen<'a> {
        self.0.specimen(rotator, PRESENT.as_bytes())
    }
}
