//! Single steps in pairs, then random sequences of steps against a plain account of tickets.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::ssh::login;

const ANA: &str = "root@web-1";
const OTHER: &str = "root@web-2";

fn ticket(n: u32) -> Ticket {
    Ticket(n.to_string())
}

fn needs(n: u32) -> Verdict {
    Verdict::NeedsCode {
        ticket: ticket(n),
        prompt: "Code: ".to_owned(),
    }
}

fn refused() -> Verdict {
    Verdict::Refused {
        delay: Duration::from_secs(1),
    }
}

fn prove(sign_in: &mut SignIn, user: &str, verdict: Verdict) -> Outcome {
    sign_in.proved(user, login::parse(user).unwrap(), verdict)
}

#[test]
fn a_key_and_a_code_under_one_name_let_in() {
    let mut sign_in = SignIn::default();
    assert_eq!(
        prove(&mut sign_in, ANA, needs(1)).answer,
        Answer::NextFactor
    );
    assert!(sign_in.signed_in().is_none());
    assert_eq!(sign_in.coded(ANA, true), CodeStep::Check(ticket(1)));
    let outcome = sign_in.judged(Verdict::Complete { ticket: ticket(1) });
    assert_eq!((outcome.answer, outcome.forget), (Answer::Accept, None));
    assert_eq!(sign_in.signed_in().unwrap().1, &ticket(1));
}

#[test]
fn a_code_under_another_name_voids_the_key() {
    let mut sign_in = SignIn::default();
    prove(&mut sign_in, ANA, needs(1));
    let step = sign_in.coded(OTHER, true);
    let void = Outcome::now(Answer::RefuseAll, Some(ticket(1)));
    assert_eq!(step, CodeStep::Done(void));
    let again = CodeStep::Done(Outcome::now(Answer::RefuseAll, None));
    assert_eq!(sign_in.coded(ANA, true), again);
}

#[test]
fn a_code_without_a_key_is_refused() {
    let mut sign_in = SignIn::default();
    let refusal = CodeStep::Done(Outcome::now(Answer::RefuseAll, None));
    assert_eq!(sign_in.coded(ANA, false), refusal);
    assert_eq!(sign_in.coded(ANA, true), refusal);
}

#[test]
fn a_code_may_be_tried_again_but_not_for_ever() {
    let mut sign_in = SignIn::default();
    prove(&mut sign_in, ANA, needs(1));
    for _ in 1..CODES {
        let outcome = sign_in.judged(refused());
        assert_eq!(outcome.answer, Answer::RefuseCode);
        assert_eq!(outcome.delay, Duration::from_secs(1));
    }
    let last = sign_in.judged(refused());
    assert_eq!(
        (last.answer, last.forget),
        (Answer::RefuseAll, Some(ticket(1)))
    );
}

#[test]
fn another_key_voids_what_the_first_one_proved() {
    let mut sign_in = SignIn::default();
    prove(&mut sign_in, ANA, needs(1));
    let outcome = prove(&mut sign_in, ANA, refused());
    assert_eq!(outcome.forget, Some(ticket(1)));
    assert!(sign_in.leave().is_none());
}

#[derive(Debug, Clone)]
enum Move {
    Prove(bool, u8),
    Prompt(bool),
    Code(bool, u8),
    Leave,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        (any::<bool>(), 0_u8..3).prop_map(|(user, verdict)| Move::Prove(user, verdict)),
        any::<bool>().prop_map(Move::Prompt),
        (any::<bool>(), 0_u8..3).prop_map(|(user, verdict)| Move::Code(user, verdict)),
        Just(Move::Leave),
    ];
    prop::collection::vec(one, 0..40)
}

fn verdict(kind: u8, n: u32) -> Verdict {
    match kind {
        0 => Verdict::Complete { ticket: ticket(n) },
        1 => needs(n),
        _ => refused(),
    }
}

proptest! {
    #[test]
    fn nobody_is_let_in_without_a_complete_verdict_and_no_ticket_is_lost(moves in moves()) {
        let mut sign_in = SignIn::default();
        let (mut made, mut forgotten) = (BTreeSet::new(), BTreeSet::new());
        let mut holder = None;
        for (n, step) in (1_u32..).zip(moves) {
            let outcome = match step {
                Move::Prove(first, kind) => {
                    let user = if first { ANA } else { OTHER };
                    if kind < 2 { made.insert(n); }
                    holder = (kind == 1).then_some(user);
                    let outcome = prove(&mut sign_in, user, verdict(kind, n));
                    prop_assert_eq!(outcome.answer == Answer::Accept, kind == 0);
                    outcome
                }
                Move::Prompt(first) => {
                    let user = if first { ANA } else { OTHER };
                    match sign_in.coded(user, false) {
                        CodeStep::Done(outcome) => {
                            let asked = matches!(outcome.answer, Answer::Ask { .. });
                            prop_assert_eq!(asked, holder == Some(user));
                            if !asked { holder = None; }
                            outcome
                        }
                        CodeStep::Check(_) => return Err(TestCaseError::fail("no code was given")),
                    }
                }
                Move::Code(first, kind) => {
                    let user = if first { ANA } else { OTHER };
                    match sign_in.coded(user, true) {
                        CodeStep::Check(_) => {
                            prop_assert_eq!(holder, Some(user));
                            if kind < 2 { made.insert(n); }
                            let outcome = sign_in.judged(verdict(kind, n));
                            prop_assert_eq!(outcome.answer == Answer::Accept, kind == 0);
                            if outcome.answer == Answer::RefuseAll || kind == 0 { holder = None; }
                            outcome
                        }
                        CodeStep::Done(outcome) => { holder = None; outcome }
                    }
                }
                Move::Leave => {
                    holder = None;
                    Outcome::now(Answer::RefuseAll, sign_in.leave())
                }
            };
            if let Some(Ticket(void)) = outcome.forget {
                prop_assert!(forgotten.insert(void.parse::<u32>().unwrap()));
            }
        }
        if let Some(Ticket(void)) = sign_in.leave() {
            prop_assert!(forgotten.insert(void.parse::<u32>().unwrap()));
        }
        prop_assert_eq!(made, forgotten);
    }
}
