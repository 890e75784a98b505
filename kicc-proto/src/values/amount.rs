use core::fmt;

use super::{Invalid, Problem};

/// Korean won. There is no smaller unit, and no sign: what flows back is a refund, not a negative amount.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Won(pub u64);

impl Won {
    /// No money.
    pub const ZERO: Won = Won(0);

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }

    /// The sum, if it can be counted.
    #[must_use]
    pub const fn checked_add(self, other: Won) -> Option<Won> {
        match self.0.checked_add(other.0) {
            Some(won) => Some(Won(won)),
            None => None,
        }
    }

    /// The difference, if it is not below nothing.
    #[must_use]
    pub const fn checked_sub(self, other: Won) -> Option<Won> {
        match self.0.checked_sub(other.0) {
            Some(won) => Some(Won(won)),
            None => None,
        }
    }

    /// The sum of all, if it can be counted.
    #[must_use]
    pub fn sum(all: impl IntoIterator<Item = Won>) -> Option<Won> {
        all.into_iter().try_fold(Won::ZERO, Won::checked_add)
    }
}

impl fmt::Display for Won {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} won", self.0)
    }
}

/// What one payment is about: a total and what is contained in it, in won.
///
/// The total is above nothing and at most [`Amount::MAX`]; the parts together are never above it (R5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Amount {
    total: Won,
    #[serde(skip_serializing_if = "Won::is_zero")]
    vat: Won,
    #[serde(skip_serializing_if = "Won::is_zero")]
    service_charge: Won,
    #[serde(skip_serializing_if = "Won::is_zero")]
    tax_free: Won,
}

/// What a total contains, in won; nothing by default. None of it is worked out from the rest: the
/// documentation's own examples do not agree on a rule (spec F.1). [`vat_split`] helps where the total
/// includes VAT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Parts {
    /// VAT.
    pub vat: Won,
    /// Service charge.
    pub service_charge: Won,
    /// The part on which no VAT is due.
    pub tax_free: Won,
}

impl Amount {
    /// The largest total, 12 digits: our choice (the page names no limit; a notification of the same company
    /// has 12).
    pub const MAX: Won = Won(999_999_999_999);

    /// A total and its parts.
    ///
    /// # Errors
    /// A total of nothing or above [`Amount::MAX`]; a part, or all parts together, above the total.
    pub fn new(total: Won, parts: Parts) -> Result<Self, Invalid> {
        if total == Won::ZERO || total > Self::MAX {
            return Err(Problem::OutOfRange { least: 1, most: Self::MAX.0 }.of("amount"));
        }
        let Parts { vat, service_charge, tax_free } = parts;
        for (field, part) in [("vat", vat), ("service charge", service_charge), ("tax-free amount", tax_free)]
        {
            if part > total {
                return Err(Problem::AboveTotal.of(field));
            }
        }
        match Won::sum([vat, service_charge, tax_free]) {
            Some(sum) if sum <= total => Ok(Self { total, vat, service_charge, tax_free }),
            _ => Err(Problem::AboveTotal.of("vat, service charge and tax-free amount together")),
        }
    }

    /// What the customer pays.
    #[must_use]
    pub fn total(&self) -> Won {
        self.total
    }

    /// VAT contained in the total.
    #[must_use]
    pub fn vat(&self) -> Won {
        self.vat
    }

    /// Service charge contained in the total.
    #[must_use]
    pub fn service_charge(&self) -> Won {
        self.service_charge
    }

    /// The part of the total on which no VAT is due.
    #[must_use]
    pub fn tax_free(&self) -> Won {
        self.tax_free
    }

    /// Its four numbers, for a hash.
    pub(crate) fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (place, won) in
            bytes.chunks_exact_mut(8).zip([self.total, self.vat, self.service_charge, self.tax_free])
        {
            place.copy_from_slice(&won.0.to_be_bytes());
        }
        bytes
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    total: Won,
    #[serde(default)]
    vat: Won,
    #[serde(default)]
    service_charge: Won,
    #[serde(default)]
    tax_free: Won,
}

impl TryFrom<Unchecked> for Amount {
    type Error = Problem;
    fn try_from(u: Unchecked) -> Result<Self, Problem> {
        let parts = Parts { vat: u.vat, service_charge: u.service_charge, tax_free: u.tax_free };
        Amount::new(u.total, parts).map_err(|invalid| invalid.problem)
    }
}

/// What becomes of a part of a won. The caller names it; law and shop differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rounding {
    /// Dropped.
    Down,
    /// Counted as a whole one.
    Up,
    /// Up from one half. (Elevenths never lie at one half.)
    HalfUp,
}

/// Supply value and VAT (10 %) of a total that includes VAT, so 10/11 and 1/11 of it; `rounding` is the
/// VAT's. Their sum is the total.
///
/// ```
/// # use kicc_proto::values::{vat_split, Rounding, Won};
/// assert_eq!(vat_split(Won(10_000), Rounding::HalfUp), (Won(9_091), Won(909)));
/// ```
#[must_use]
pub const fn vat_split(total: Won, rounding: Rounding) -> (Won, Won) {
    let (whole, elevenths) = (total.0 / 11, total.0 % 11);
    let up = match rounding {
        Rounding::Down => false,
        Rounding::Up => elevenths > 0,
        Rounding::HalfUp => elevenths >= 6,
    };
    let vat = whole + up as u64;
    (Won(total.0 - vat), Won(vat))
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use proptest::prelude::*;

    use super::*;

    fn parts(vat: u64, service_charge: u64, tax_free: u64) -> Parts {
        Parts { vat: Won(vat), service_charge: Won(service_charge), tax_free: Won(tax_free) }
    }

    #[test]
    fn r5_amounts_have_limits() {
        let range = Err(Problem::OutOfRange { least: 1, most: 999_999_999_999 }.of("amount"));
        assert_eq!(Amount::new(Won(0), Parts::default()), range);
        assert_eq!(Amount::new(Won(1_000_000_000_000), Parts::default()), range);
        assert_eq!(Amount::new(Won(u64::MAX), Parts::default()), range);
        assert!(Amount::new(Amount::MAX, Parts::default()).is_ok());
        assert!(Amount::new(Won(1), parts(1, 0, 0)).is_ok());
    }

    #[test]
    fn r5_parts_are_never_above_the_total() {
        let whole = Amount::new(Won(100), parts(50, 30, 20)).unwrap();
        let kept = [whole.total(), whole.vat(), whole.service_charge(), whole.tax_free()];
        assert_eq!(kept.map(|won| won.0), [100, 50, 30, 20]);
        let above = |field| Err(Problem::AboveTotal.of(field));
        assert_eq!(Amount::new(Won(100), parts(101, 0, 0)), above("vat"));
        assert_eq!(Amount::new(Won(100), parts(0, 101, 0)), above("service charge"));
        assert_eq!(Amount::new(Won(100), parts(0, 0, u64::MAX)), above("tax-free amount"));
        let together = "vat, service charge and tax-free amount together";
        assert_eq!(Amount::new(Won(100), parts(50, 26, 25)), above(together));
    }

    #[test]
    fn reading_checks_again() {
        let text = r#"{"total":10000,"vat":909}"#;
        let amount: Amount = serde_json::from_str(text).unwrap();
        assert_eq!(amount, Amount::new(Won(10_000), parts(909, 0, 0)).unwrap());
        assert_eq!(serde_json::to_string(&amount).unwrap(), text);
        for bad in [
            r#"{"total":0,"vat":0,"service_charge":0,"tax_free":0}"#,
            r#"{"total":10,"vat":11,"service_charge":0,"tax_free":0}"#,
            r#"{"total":10,"vat":-1,"service_charge":0,"tax_free":0}"#,
            r#"{"vat":0}"#,
            r#"{"total":10,"vat":0,"service_charge":0,"tax_free":0,"tip":1}"#,
        ] {
            assert!(serde_json::from_str::<Amount>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn vat_is_an_eleventh() {
        for (total, down, half_up, up) in
            [(0, 0, 0, 0), (5, 0, 0, 1), (6, 0, 1, 1), (11, 1, 1, 1), (47_000, 4272, 4273, 4273)]
        {
            for (rounding, vat) in [(Rounding::Down, down), (Rounding::HalfUp, half_up), (Rounding::Up, up)] {
                assert_eq!(
                    vat_split(Won(total), rounding),
                    (Won(total - vat), Won(vat)),
                    "{total} {rounding:?}"
                );
            }
        }
    }

    #[test]
    fn won_is_checked_and_plain() {
        assert_eq!(Won(u64::MAX).checked_add(Won(1)), None);
        assert_eq!((Won(1).checked_sub(Won(2)), Won(3).checked_sub(Won(2))), (None, Some(Won(1))));
        assert_eq!(Won::sum([Won(1), Won(2), Won(3)]), Some(Won(6)));
        assert_eq!(Won::sum([Won(u64::MAX), Won(1)]), None);
        assert_eq!(Won(1_234_567).to_string(), "1234567 won");
    }

    proptest! {
        #[test]
        fn an_amount_keeps_its_promise(total: u64, vat: u64, service: u64, free: u64, narrow: bool) {
            let limit = if narrow { 1_000 } else { u64::MAX };
            let p = parts(vat % limit, service % limit, free % limit);
            let total = Won(total % limit);
            let sum = u128::from(p.vat.0) + u128::from(p.service_charge.0) + u128::from(p.tax_free.0);
            let fine = (1..=999_999_999_999).contains(&total.0) && sum <= u128::from(total.0);
            prop_assert_eq!(Amount::new(total, p).is_ok(), fine);
        }

        #[test]
        fn a_split_adds_up_and_is_near(total: u64) {
            for rounding in [Rounding::Down, Rounding::HalfUp, Rounding::Up] {
                let (supply, vat) = vat_split(Won(total), rounding);
                prop_assert_eq!(supply.checked_add(vat), Some(Won(total)));
                prop_assert!((i128::from(vat.0) * 11 - i128::from(total)).abs() < 11);
            }
        }
    }
}
