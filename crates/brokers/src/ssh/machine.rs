//! Sign-in on one connection as a pure machine: a key, then perhaps a code, both under one user name.
//! It knows no socket; what control says goes in, what to answer and which ticket to void comes out.

use std::time::Duration;

use portcullis_ports::control::{Login, Ticket, Verdict};
use portcullis_wire::ssh::Answer;

use super::limits::CODES;

/// How far a client has come.
#[derive(Debug, Default)]
pub struct SignIn {
    stage: Stage,
}

#[derive(Debug, Default)]
enum Stage {
    #[default]
    Unknown,
    /// The key holds, a code is missing.
    Half {
        user: String,
        login: Login,
        ticket: Ticket,
        prompt: String,
        refused_codes: u8,
    },
    In {
        login: Login,
        ticket: Ticket,
    },
}

/// What to do about a step.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What to tell the client.
    pub answer: Answer,
    /// How long to wait before.
    pub delay: Duration,
    /// A ticket that is worth nothing any more.
    pub forget: Option<Ticket>,
}

impl Outcome {
    fn now(answer: Answer, forget: Option<Ticket>) -> Self {
        Self {
            answer,
            delay: Duration::ZERO,
            forget,
        }
    }
}

/// What to do about a prompt or its answer.
#[derive(Debug, PartialEq, Eq)]
pub enum CodeStep {
    /// Answer this.
    Done(Outcome),
    /// Ask control what the code is worth.
    Check(Ticket),
}

impl SignIn {
    /// A key was proved under a user name, and control said what it is worth.
    pub fn proved(&mut self, user: &str, login: Login, verdict: Verdict) -> Outcome {
        let forget = self.leave();
        match verdict {
            Verdict::Complete { ticket } => {
                self.stage = Stage::In { login, ticket };
                Outcome::now(Answer::Accept, forget)
            }
            Verdict::NeedsCode { ticket, prompt } => {
                self.stage = Stage::Half {
                    user: user.to_owned(),
                    login,
                    ticket,
                    prompt,
                    refused_codes: 0,
                };
                Outcome::now(Answer::NextFactor, forget)
            }
            Verdict::Refused { delay } => Outcome {
                answer: Answer::RefuseKey,
                delay,
                forget,
            },
        }
    }

    /// A prompt was asked for, or answered. Under another user name than the key's, everything proved
    /// so far is void.
    pub fn coded(&mut self, user: &str, answered: bool) -> CodeStep {
        match &self.stage {
            Stage::Half {
                user: proved,
                ticket,
                prompt,
                ..
            } if proved == user => {
                if answered {
                    return CodeStep::Check(ticket.clone());
                }
                let prompt = prompt.clone();
                CodeStep::Done(Outcome::now(Answer::Ask { prompt }, None))
            }
            _ => {
                let forget = self.leave();
                CodeStep::Done(Outcome::now(Answer::RefuseAll, forget))
            }
        }
    }

    /// Control said what the code is worth.
    pub fn judged(&mut self, verdict: Verdict) -> Outcome {
        let Stage::Half {
            user,
            login,
            ticket,
            prompt,
            refused_codes,
        } = std::mem::take(&mut self.stage)
        else {
            return Outcome::now(Answer::RefuseAll, None);
        };
        match verdict {
            Verdict::Complete { ticket: new } => {
                let forget = (new != ticket).then_some(ticket);
                self.stage = Stage::In { login, ticket: new };
                Outcome::now(Answer::Accept, forget)
            }
            Verdict::NeedsCode {
                ticket: new,
                prompt,
            } => {
                let forget = (new != ticket).then_some(ticket);
                self.stage = Stage::Half {
                    user,
                    login,
                    ticket: new,
                    prompt: prompt.clone(),
                    refused_codes,
                };
                Outcome::now(Answer::Ask { prompt }, forget)
            }
            Verdict::Refused { delay } => {
                let refused_codes = refused_codes.saturating_add(1);
                if refused_codes >= CODES {
                    return Outcome {
                        answer: Answer::RefuseAll,
                        delay,
                        forget: Some(ticket),
                    };
                }
                self.stage = Stage::Half {
                    user,
                    login,
                    ticket,
                    prompt,
                    refused_codes,
                };
                Outcome {
                    answer: Answer::RefuseCode,
                    delay,
                    forget: None,
                }
            }
        }
    }

    /// Who is in, once somebody is.
    pub fn signed_in(&self) -> Option<(&Login, &Ticket)> {
        match &self.stage {
            Stage::In { login, ticket } => Some((login, ticket)),
            Stage::Unknown | Stage::Half { .. } => None,
        }
    }

    /// Goes back to the beginning; the ticket that was held is void.
    pub fn leave(&mut self) -> Option<Ticket> {
        match std::mem::take(&mut self.stage) {
            Stage::Unknown => None,
            Stage::Half { ticket, .. } | Stage::In { ticket, .. } => Some(ticket),
        }
    }
}

#[cfg(test)]
mod tests;
