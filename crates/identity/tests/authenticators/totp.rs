//! The one-time code.

use portcullis_identity::totp::{Method, code_at};
use portcullis_model::{Factor, Timestamp};
use portcullis_ports::conformance::authenticator::{Drawn, NOW, Specimen};
use portcullis_ports::{Authenticator, Chosen, Enrolled, Presented};

use crate::secret;

fn code(enrolled: &Enrolled, seconds_away: i64) -> String {
    let now = NOW
        .as_millis()
        .checked_add_signed(seconds_away * 1000)
        .unwrap();
    let code = code_at(&enrolled.verifier, Timestamp::from_millis(now)).unwrap();
    code.expose().clone()
}

pub struct Member(pub &'static dyn Authenticator);

impl Specimen for Member {
    fn method(&self) -> &dyn Authenticator {
        self.0
    }

    fn chosen(&self) -> Option<Chosen> {
        None
    }

    fn matching(&self, enrolled: &Enrolled) -> Presented {
        Presented::Code(secret(&code(enrolled, 0)))
    }

    fn wrong(&self, enrolled: &Enrolled) -> Vec<Presented> {
        let right = code(enrolled, 0);
        [
            code(enrolled, -60),
            code(enrolled, 60),
            code(enrolled, 1 << 30),
            format!("{right} "),
            format!("{} {}", &right[..3], &right[3..]),
            right[..5].to_owned(),
            format!("0{right}"),
            String::new(),
            "９９９９９９".to_owned(),
        ]
        .map(|wrong| Presented::Code(secret(&wrong)))
        .into()
    }

    fn secrets(&self, enrolled: &Enrolled) -> Vec<String> {
        let uri = enrolled.show_once.as_ref().unwrap().expose();
        let seed = uri.split(['=', '&']).nth(1).unwrap().to_owned();
        vec![seed, code(enrolled, 0)]
    }
}

#[test]
fn a_code_reports_the_step_that_made_it_for_the_engine_to_spend() {
    let enrolled = Method.enroll(None, "ana@example", &Drawn(1)).unwrap();
    let now = NOW.as_secs() / 30;
    for (seconds_away, step) in [(-30, now - 1), (0, now), (30, now + 1)] {
        let presented = Presented::Code(secret(&code(&enrolled, seconds_away)));
        // Twice: this crate remembers nothing, so that a replay is refused in one place only, durably.
        for _ in 0..2 {
            let factor = Method.verify(&enrolled.verifier, &presented, NOW);
            assert_eq!(factor, Ok(Factor::Totp { step }));
        }
    }
}
