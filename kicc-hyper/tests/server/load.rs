//! Customers who all pay at once: posts of JSON to a server that may die under them.

use std::{sync::mpsc, thread};

use kicc_testkit::van::{VanConfig, faults::Plan};
use serde_json::{Value, json};

use crate::{
    http,
    random::Random,
    shop::{Server, TIMES},
};

/// Payments under way.
pub struct Load {
    answers: mpsc::Receiver<Value>,
}

impl Load {
    /// Posts a payment of 1,000 won for each of the numbers, all at once.
    pub fn start(server: &Server, numbers: &[String]) -> Self {
        let (send, answers) = mpsc::channel();
        for number in numbers {
            let body = order(number);
            let (url, send) = (format!("{}/api/approvals", server.url), send.clone());
            thread::Builder::new()
                .stack_size(256 * 1024)
                .spawn(move || {
                    // Of a server that died there is no answer.
                    if let Ok(answer) = http::post_json(&url, &body) {
                        let _ = send.send(serde_json::from_str(&answer.body).expect("JSON"));
                    }
                })
                .unwrap();
        }
        Load { answers }
    }

    /// What was answered, when all have an answer or know that none comes.
    pub fn answers(self) -> Vec<Value> {
        self.answers.into_iter().collect()
    }
}

/// A payment of 1,000 won that its customer has authenticated.
pub fn order(number: &str) -> Value {
    json!({
        "number": number,
        "amount": 1000,
        "order_number": format!("O-{number}"),
        "cert_control_no": format!("W1000-O-{number}"),
    })
}

/// A VAN that books late, but inside the quiet period, and lets go of a connection inside it, too, whatever its client
/// does (R13b).
pub fn van() -> VanConfig {
    let [answer_timeout, quiet_period] = TIMES;
    VanConfig { late: quiet_period / 6, hang: answer_timeout + quiet_period / 6, ..VanConfig::default() }
}

/// Faults that dwell in each of the stages.
pub const PLANS: [&str; 14] = [
    "hang_before",
    "hang_after+rescue_hang",
    "late_after_give_up+rescue_5xx",
    "late_forgetful",
    "decline_unlisted+rescue_hang",
    "cut150",
    "decline",
    "drip",
    "reset_after+cancel_duplicate_before",
    "duplicate+query_both",
    "amount_differs+cancel_hang",
    "amount_missing+cancel_refused",
    "html_502+query_neither",
    "redirect_307",
];

/// Orders with each of the faults, beside good ones, in random order.
pub fn numbers(good: u32, random: &mut Random) -> Vec<String> {
    let plans = PLANS.iter().zip(1..).map(|(plan, serial)| plan.parse::<Plan>().unwrap().number(serial));
    let mut numbers: Vec<String> = plans.chain((100..100 + good).map(|n| Plan::OK.number(n))).collect();
    random.shuffle(&mut numbers);
    numbers
}
