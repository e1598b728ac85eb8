//! What a test orders, a line each, and which of them a step meets.

use std::collections::HashMap;
use std::time::Duration;

/// What happens at a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// The process ends there and then, as by `kill -KILL`.
    Die,
    /// The call waits so long before it is made.
    Stall(Duration),
    /// The call waits until that is no longer ordered.
    Hold,
    /// The call is not made and fails.
    Fail,
}

/// One line: `kill N STEP`, `stall MILLISECONDS CALLS`, `hold CALLS` or `fail CALLS`. A step is `before CALL` or
/// `after CALL`; calls are named by how their names begin.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Order {
    fate: Fate,
    /// Which of the passages it means, from 1; 0 for all.
    number: u64,
    /// How the name of the step begins, or the whole of it.
    step: String,
}

/// The orders in force, and how often each step was passed under them.
#[derive(Debug, Default)]
pub struct Orders {
    text: String,
    in_force: Vec<Order>,
    passed: HashMap<String, u64>,
}

impl Orders {
    /// Other orders; counting begins anew when they are others.
    pub fn renew(&mut self, text: &str) {
        if self.text != text {
            text.clone_into(&mut self.text);
            self.in_force = text.lines().filter_map(order).collect();
            self.passed.clear();
        }
    }

    /// Counts a passage; what happens at it.
    pub fn pass(&mut self, step: &str) -> Option<Fate> {
        let passed = self.passed.entry(step.to_owned()).or_default();
        *passed += 1;
        let number = *passed;
        let meets = |order: &&Order| {
            if order.number == 0 {
                step.starts_with(&order.step)
            } else {
                step == order.step && number == order.number
            }
        };
        let met = self.in_force.iter().find(meets);
        met.map(|order| order.fate.clone())
    }
}

fn order(line: &str) -> Option<Order> {
    let (verb, rest) = line.split_once(' ')?;
    let every = |fate, calls: &str| Order {
        fate,
        number: 0,
        step: format!("before {calls}"),
    };
    match verb {
        "kill" => {
            let (number, step) = rest.split_once(' ')?;
            Some(Order {
                fate: Fate::Die,
                number: number.parse().ok()?,
                step: step.to_owned(),
            })
        }
        "stall" => {
            let (millis, calls) = rest.split_once(' ')?;
            let time = Duration::from_millis(millis.parse().ok()?);
            Some(every(Fate::Stall(time), calls))
        }
        "hold" => Some(every(Fate::Hold, rest)),
        "fail" => Some(every(Fate::Fail, rest)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_passage_that_is_meant_is_met_and_no_other() {
        let mut orders = Orders::default();
        orders.renew("kill 2 after commit grant.issued\n");
        assert_eq!(orders.pass("after commit grant.issued"), None);
        assert_eq!(orders.pass("before commit grant.issued"), None);
        assert_eq!(orders.pass("after commit grant.issued+more"), None);
        assert_eq!(orders.pass("after commit grant.issued"), Some(Fate::Die));
        assert_eq!(orders.pass("after commit grant.issued"), None);
    }

    #[test]
    fn calls_are_met_by_how_their_names_begin_and_only_before_they_are_made() {
        let mut orders = Orders::default();
        orders.renew("stall 5000 write tapes\nfail commit");
        let stall = Fate::Stall(Duration::from_secs(5));
        assert_eq!(orders.pass("before write tapes"), Some(stall));
        assert_eq!(orders.pass("after write tapes"), None);
        assert_eq!(orders.pass("before commit session.ended"), Some(Fate::Fail));
        assert_eq!(orders.pass("before read the store"), None);
    }

    #[test]
    fn what_is_held_goes_on_once_the_order_is_gone() {
        let mut orders = Orders::default();
        orders.renew("hold assign");
        assert_eq!(orders.pass("before assign"), Some(Fate::Hold));
        orders.renew("");
        assert_eq!(orders.pass("before assign"), None);
    }

    #[test]
    fn other_orders_count_anew_and_the_same_ones_go_on() {
        let mut orders = Orders::default();
        orders.renew("kill 2 after a");
        orders.pass("after a");
        orders.renew("kill 2 after a");
        assert_eq!(orders.pass("after a"), Some(Fate::Die));
        orders.renew("kill 1 after a");
        assert_eq!(orders.pass("after a"), Some(Fate::Die));
        orders.renew("");
        assert_eq!(orders.pass("after a"), None);
    }
}
