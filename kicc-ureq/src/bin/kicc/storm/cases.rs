//! What an order of a storm can meet, and its only acceptable end.

use kicc_proto::product::Product;
use kicc_testkit::van::{
    Kind,
    faults::{self, End, Fault, Plan, Rescue},
};

/// What an order meets.
pub struct Case {
    /// The product that it is an order of.
    pub product: Product,
    /// What happens; the faults by their names.
    pub name: String,
    /// What the VAN does.
    pub van: Meets,
    /// Where the order goes.
    pub door: Door,
    /// What the merchant's accept step says.
    pub books: Books,
    /// The only acceptable end.
    pub expected: End,
}

/// What the VAN does with an order.
#[derive(Clone, Copy)]
pub enum Meets {
    /// This.
    Plan(Plan),
    /// Any fault of its product that comes to such a rescue and then ends as expected, and this.
    Any(Rescue),
}

impl Case {
    /// What the VAN may do; one of these, by dice.
    pub fn plans(&self) -> Vec<Plan> {
        match self.van {
            Meets::Plan(plan) => vec![plan],
            Meets::Any(rescue) => Fault::of(van(self.product))
                .filter(|fault| fault.row().end == End::Reversed && comes_to(self.product, *fault, rescue))
                .map(|fault| Plan { fault, rescue: Some(rescue) })
                .filter(|plan| plan.end() == self.expected)
                .collect(),
        }
    }
}

/// Whether the rescue of such an order has the messages that this befalls: what does not stand is not cancelled, and
/// what is known to be approved is not asked about. And whether a client can do anything about it: not where a gateway
/// charges twice and gives nothing back, nor where it refuses in plain words and all that it booked was given back (R6).
fn comes_to(product: Product, fault: Fault, rescue: Rescue) -> bool {
    let in_vain = match (fault, rescue) {
        (Fault::PaidTwice, Rescue::ProvesNothing) => true,
        (Fault::Duplicate, Rescue::QueryCancelled) => product == Product::Iamport,
        _ => false,
    };
    if in_vain {
        return false;
    }
    let booked = !matches!(
        fault,
        Fault::HangBefore
            | Fault::ResetBefore
            | Fault::DuplicateBefore
            | Fault::Unauthorized
            | Fault::ReadyFails
    );
    let stands = booked && fault != Fault::CancelledAtOnce;
    let known = match fault {
        Fault::AmountDiffers => true,
        // A payment without an amount is not read.
        Fault::AmountMissing => product != Product::Iamport,
        _ => false,
    };
    let of_queries_only = !rescue.concerns(Kind::Cancel);
    (stands || !is_of_cancels_only(rescue)) && (booked && !known || !of_queries_only)
}

/// Where an order's client connects to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// The VAN.
    Van,
    /// A port that refuses.
    Refuse,
    /// A port that does not speak TLS, though the client does.
    NoTls,
    /// The VAN, with an i'mport key that gets no token, in a way that has this name.
    NoToken(&'static str),
}

/// What the merchant's accept step says of an order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Books {
    /// Its books hold the approval.
    Held,
    /// They do not.
    NotHeld,
    /// Twice that it cannot tell, and then that they hold it.
    CannotTellYet,
    /// Always that it cannot tell.
    CannotTell,
}

/// The i'mport keys that get no token, and the lines of the fault table that say how.
pub const NO_TOKEN: [(&str, &str); 3] =
    [("down", "token_down: 503"), ("hang", "token_hang: no answer"), ("html", "token_html: HTML")];

/// The cases of a product, or of all products by turns.
pub fn of(product: Option<Product>) -> Vec<Case> {
    let mut cases: Vec<(usize, Case)> = Product::ALL
        .into_iter()
        .filter(|one| product.is_none_or(|product| product == *one))
        .flat_map(|one| of_product(one).into_iter().enumerate())
        .collect();
    // Stable: of the cases at the same place of their product, the first product's comes first.
    cases.sort_by_key(|(place, _)| *place);
    cases.into_iter().map(|(_, case)| case).collect()
}

fn of_product(product: Product) -> Vec<Case> {
    let case = |name: &str, van: Meets, expected: End| Case {
        product,
        name: name.to_owned(),
        van,
        door: Door::Van,
        books: Books::Held,
        expected,
    };
    let planned = |name: &str, fault: Fault, rescue: Option<Rescue>| {
        let plan = Plan { fault, rescue };
        case(name, Meets::Plan(plan), plan.end())
    };
    let not_held = |name: &str, rescue: Option<Rescue>| Case {
        books: Books::NotHeld,
        expected: End::Reversed,
        ..planned(name, Fault::Ok, rescue)
    };
    let cannot_tell =
        |name: &str, books, expected| Case { books, expected, ..planned(name, Fault::Ok, None) };
    let door = |name: &str, door| Case { door, expected: End::NeverSent, ..planned(name, Fault::Ok, None) };

    let mut cases: Vec<Case> =
        Fault::of(van(product)).map(|fault| planned(fault.row().name, fault, None)).collect();
    for rescue in Rescue::of(van(product)) {
        let (row, of_cancels_only) = (rescue.row(), is_of_cancels_only(rescue));
        // Simple Payment's rescue cancels nothing; the others' cancel what the query finds.
        if !of_cancels_only || product != Product::Simple {
            cases.push(case(&format!("any of these, {}", row.name), Meets::Any(rescue), row.end));
        }
        if of_cancels_only {
            cases.push(not_held(&format!("ok, not held, {}", row.name), Some(rescue)));
        }
        if row.end == End::NeedsOperator {
            let name = format!("decline_unlisted, {}", row.name);
            cases.push(planned(&name, Fault::DeclineUnlisted, Some(rescue)));
        }
    }
    cases.extend([
        not_held("ok, accept step: not held", None),
        cannot_tell("ok, accept step: cannot tell twice", Books::CannotTellYet, End::Approved),
        cannot_tell("ok, accept step: never can tell", Books::CannotTell, End::NeedsOperator),
        door("refuse: no connection", Door::Refuse),
        door("tls: no handshake", Door::NoTls),
    ]);
    if product == Product::Iamport {
        cases.extend(NO_TOKEN.map(|(key, name)| door(name, Door::NoToken(key))));
    }
    cases
}

fn is_of_cancels_only(rescue: Rescue) -> bool {
    ![Kind::NetCancel, Kind::StatusQuery].into_iter().any(|kind| rescue.concerns(kind))
}

/// The product as the VAN knows it.
pub fn van(product: Product) -> faults::Product {
    match product {
        Product::Simple => faults::Product::Simple,
        Product::EasyTalk => faults::Product::EasyTalk,
        Product::Iamport => faults::Product::Iamport,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_fault_table_has_a_case() {
        for product in Product::ALL {
            let cases = of(Some(product));
            for row in faults::table_of(van(product)) {
                let has = |case: &Case| case.name.split([' ', ',', ':']).any(|word| word == row.name);
                assert!(cases.iter().any(has), "{product:?}: {}", row.name);
            }
        }
    }

    #[test]
    fn of_all_products_is_each_by_turns() {
        let cases = of(None);
        assert_eq!(cases.len(), Product::ALL.map(|product| of(Some(product)).len()).iter().sum::<usize>());
        assert_eq!([0, 1, 2].map(|at| cases[at].product), Product::ALL);
    }
}
