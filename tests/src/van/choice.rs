//! Which fault an order gets: a rule, a marked number, a magic amount, or the seed.

use core::str::FromStr;

use sha2::{Digest, Sha256};

use super::VanConfig;
use super::faults::{End, Fault, Plan, Product, Rescue, UnknownFault};

/// The plan of an order. It depends on the order and the configuration alone, so that every message about an order
/// meets the same plan, in whatever order the messages come.
pub(crate) fn plan(config: &VanConfig, product: Product, number: &str, amount: u64) -> Plan {
    let is_meant = |rule: &&FaultRule| rule.matches.covers(number, amount) && rule.plan.is_of(product);
    let by_rule = || config.faults.iter().find(is_meant).map(|rule| rule.plan);
    let marked = || by_number(number).filter(|plan| plan.is_of(product));
    let by_mark = || config.magic.then(|| marked().or_else(|| by_amount(product, amount))).flatten();
    let by_seed = || config.seeded.as_ref().map(|seeded| seeded.plan(product, config.seed, number));
    by_rule().or_else(by_mark).or_else(by_seed).unwrap_or(Plan::OK)
}

/// A rule as a user writes it in one line: `number=ORD_* fault=hang_after`, `amount=1004 fault=decline+rescue_hang`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultRule {
    /// Which orders.
    pub matches: Match,
    /// What becomes of them.
    pub plan: Plan,
}

/// Which orders a rule is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// The order with this merchant number.
    Number(String),
    /// Every order whose merchant number begins so; written with a `*` at its end.
    Prefix(String),
    /// Every order of this total, in won.
    Amount(u64),
}

impl Match {
    fn covers(&self, number: &str, amount: u64) -> bool {
        match self {
            Self::Number(own) => own == number,
            Self::Prefix(prefix) => number.starts_with(prefix.as_str()),
            Self::Amount(own) => *own == amount,
        }
    }
}

impl FromStr for FaultRule {
    type Err = BadRule;

    fn from_str(line: &str) -> Result<Self, BadRule> {
        let (mut matches, mut plan) = (None, None);
        for word in line.split_whitespace() {
            match word.split_once('=') {
                Some(("number", text)) if matches.is_none() => {
                    matches = Some(match text.strip_suffix('*') {
                        Some(prefix) => Match::Prefix(prefix.to_owned()),
                        None => Match::Number(text.to_owned()),
                    });
                }
                Some(("amount", text)) if matches.is_none() => {
                    matches = Some(Match::Amount(text.parse().map_err(|_| BadRule::Word(word.to_owned()))?));
                }
                Some(("fault", text)) if plan.is_none() => plan = Some(text.parse()?),
                _ => return Err(BadRule::Word(word.to_owned())),
            }
        }
        match (matches, plan) {
            (Some(matches), Some(plan)) => Ok(Self { matches, plan }),
            (None, _) => Err(BadRule::Missing("number= or amount=")),
            (_, None) => Err(BadRule::Missing("fault=")),
        }
    }
}

/// Why a line is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRule {
    /// A word that is none of a rule's, or comes twice.
    #[error(
        "{0:?} does not belong in a rule: number=TEXT, number=PREFIX* or amount=WON, then fault=NAME[+RESCUE]"
    )]
    Word(String),
    /// A part that must be there is not.
    #[error("the rule lacks {0}")]
    Missing(&'static str),
    /// The fault is in no line of the table.
    #[error(transparent)]
    Fault(#[from] UnknownFault),
}

/// Faults by weight, for storms. The seed of the configuration and the merchant number decide, so that a storm can be
/// run again and its faults do not depend on the order of arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeededFaults {
    /// Faults of the approval and their weights; `Cut` cuts at a seeded byte.
    pub approvals: Vec<(Fault, u32)>,
    /// Faults of the rescue and their weights; `None` is a rescue that works.
    pub rescues: Vec<(Option<Rescue>, u32)>,
}

impl SeededFaults {
    /// Every fault equally often beside `ok` (weight given); of a product's rescues about two in three work, the others
    /// fail in every way that ends by itself.
    #[must_use]
    pub fn storm(ok_weight: u32) -> Self {
        let faults = Fault::every().map(|fault| (fault, if fault == Fault::Ok { ok_weight } else { 1 }));
        let ending = Rescue::every().filter(|rescue| rescue.row().end != End::NeedsOperator);
        let rescues = ending.map(|rescue| (Some(rescue), 1)).chain([(None, 18)]);
        Self { approvals: faults.collect(), rescues: rescues.collect() }
    }

    /// The plan of a product's order under a seed.
    #[must_use]
    pub fn plan(&self, product: Product, seed: u64, number: &str) -> Plan {
        let dice: [u8; 32] =
            Sha256::new_with_prefix(seed.to_be_bytes()).chain_update(number).finalize().into();
        let throw = |at: usize| dice[at..at + 8].iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
        let of = |plan: Plan| plan.is_of(product);
        let fault = match pick(&self.approvals, |fault| of(fault.into()), throw(0)) {
            // Longer than any answer, and it wraps: every byte of the answer gets its turn.
            Some(Fault::Cut(_)) => Fault::Cut(u32::try_from(throw(16) % 10_000).unwrap_or(0)),
            other => other.unwrap_or(Fault::Ok),
        };
        let rescue = pick(&self.rescues, |rescue| of(Plan { fault: Fault::Ok, rescue }), throw(8));
        Plan { fault, rescue: rescue.flatten() }
    }
}

fn pick<T: Copy>(weighted: &[(T, u32)], is_meant: impl Fn(T) -> bool, throw: u64) -> Option<T> {
    let meant = || weighted.iter().filter(|(what, _)| is_meant(*what));
    let total: u64 = meant().map(|(_, weight)| u64::from(*weight)).sum();
    let mut left = throw.checked_rem(total)?;
    for (what, weight) in meant() {
        match left.checked_sub(u64::from(*weight)) {
            Some(rest) => left = rest,
            None => return Some(*what),
        }
    }
    None
}

fn by_number(number: &str) -> Option<Plan> {
    let (mark, _) = number.strip_prefix('X')?.split_once('-')?;
    let (fault, rescue) = mark.split_once('_').map_or((mark, None), |(fault, rescue)| (fault, Some(rescue)));
    let fault = Fault::of_word(fault)?;
    match rescue {
        Some(word) => Some(Plan { fault, rescue: Some(Rescue::of_word(word)?) }),
        None => Some(fault.into()),
    }
}

fn by_amount(product: Product, amount: u64) -> Option<Plan> {
    let (byte, digits) = (amount / 10_000, amount % 10_000);
    let fault = Fault::of_number(product, digits % 100, u32::try_from(byte).unwrap_or(u32::MAX))?;
    match (digits / 1000, digits / 100 % 10) {
        (9, 0) => Some(fault.into()),
        (9, rescue) => Some(Plan { fault, rescue: Some(Rescue::of_number(product, rescue)?) }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::faults::table_of;
    use super::*;

    fn chosen(number: &str, amount: u64) -> String {
        plan(&VanConfig::default(), Product::Simple, number, amount).to_string()
    }

    #[test]
    fn numbers_and_amounts_choose() {
        assert_eq!(chosen("ORD_1", 10_000), "ok");
        assert_eq!(chosen("Xhanga-1", 10_000), "hang_after");
        assert_eq!(chosen("Xcut17_5xx-1", 10_000), "cut17+rescue_5xx");
        assert_eq!(chosen("Xhanga", 10_000), "ok");
        assert_eq!(chosen("Xnonsense-1", 10_000), "ok");
        assert_eq!(chosen("Xhanga_nonsense-1", 10_000), "ok");
        assert_eq!(chosen("ORD_1", 9013), "hang_after");
        assert_eq!(chosen("ORD_1", 59_313), "hang_after+rescue_reset");
        assert_eq!(chosen("ORD_1", 1_239_016), "cut123");
        assert_eq!(chosen("Xdec-1", 9013), "decline");
        for price in (0..200_000).step_by(10) {
            assert_eq!(chosen("ORD_1", price), "ok", "{price} is an ordinary price");
        }
    }

    #[test]
    fn every_line_of_a_product_is_reachable_by_its_marker_and_its_magic_amount() {
        for product in [Product::Simple, Product::EasyTalk, Product::Iamport] {
            let chosen =
                |number: &str, amount: u64| plan(&VanConfig::default(), product, number, amount).to_string();
            for row in table_of(product) {
                if let Some(marker) = row.marker() {
                    assert!(chosen(&format!("{marker}1"), 1000).contains(row.name), "{marker}");
                }
                if let Some(magic) = row.magic() {
                    assert!(chosen("ORD_1", u64::from(magic)).contains(row.name), "{magic}");
                }
            }
        }
    }

    #[test]
    fn what_a_product_does_not_have_is_not_chosen() {
        let faults = vec!["number=* fault=amount_missing".parse().unwrap()];
        let config = VanConfig { faults, ..VanConfig::default() };
        let chosen = |product, number: &str, amount| plan(&config, product, number, amount).to_string();
        assert_eq!(chosen(Product::EasyTalk, "A", 1), "amount_missing");
        assert_eq!(chosen(Product::Simple, "A", 1), "ok");
        assert_eq!(chosen(Product::Simple, "Xnoamt-1", 1), "ok");
        assert_eq!(chosen(Product::Simple, "Xhanga_qboth-1", 1), "ok");
        assert_eq!(chosen(Product::Simple, "A", 9046), "ok");
        assert_eq!(chosen(Product::Simple, "A", 9213), "hang_after+rescue_hang_done");
        let plain = VanConfig::default();
        assert_eq!(plan(&plain, Product::EasyTalk, "A", 9213).to_string(), "hang_after+cancel_duplicate");
    }

    #[test]
    fn rules_come_first_and_are_read_strictly() {
        let faults =
            ["number=ORD_* fault=decline", "amount=1004 fault=cut7+rescue_hang", "number=Xdec-1 fault=ok"];
        let faults = faults.iter().map(|line| line.parse().unwrap()).collect();
        let config = VanConfig { faults, ..VanConfig::default() };
        assert_eq!(plan(&config, Product::Simple, "ORD_7", 1004).to_string(), "decline");
        assert_eq!(plan(&config, Product::Simple, "A", 1004).to_string(), "cut7+rescue_hang");
        assert_eq!(plan(&config, Product::Simple, "Xdec-1", 1).to_string(), "ok");
        assert_eq!(plan(&config, Product::Simple, "Xdec-2", 1).to_string(), "decline");
        for bad in [
            "",
            "fault=ok",
            "number=A",
            "number=A number=B fault=ok",
            "amount=x fault=ok",
            "number=A fault=x",
        ] {
            assert!(bad.parse::<FaultRule>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_storm_is_repeatable_and_has_every_fault_of_a_product_and_no_other() {
        let seeded = SeededFaults::storm(1);
        for product in [Product::Simple, Product::EasyTalk, Product::Iamport] {
            let mut seen = std::collections::HashSet::new();
            for serial in 0..3000 {
                let number = format!("S{serial}");
                let plan = seeded.plan(product, 7, &number);
                assert_eq!(plan, seeded.plan(product, 7, &number));
                assert!(plan.is_of(product), "{plan}");
                seen.insert(plan.fault.row().name);
            }
            assert_eq!(seen.len(), Fault::of(product).count());
            assert_ne!(seeded.plan(product, 7, "S1"), seeded.plan(product, 8, "S1"));
        }
    }
}
