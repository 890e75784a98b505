//! A journal to another place, and back from a copy.

use std::fs;

use crate::shop::{Shop, TOKEN};

/// R3: after a move the shop goes on at the new place alone, and knows every number.
#[test]
fn r3_a_shop_goes_on_from_a_moved_journal() {
    let shop = Shop::new();
    shop.orders(&["A1", "Xdec-0001"]);
    shop.pay("").ends(10);
    let moved = shop.kicc("journal export file --journal j").ends(0);
    assert!(moved.out.starts_with("moved 2 records and 0 hashes"), "{}", moved.out);
    assert!(fs::read_to_string(shop.path("file")).unwrap().contains("kicc_attempts"));
    let closed = shop.pay("").ends(74);
    assert!(closed.err.contains("was moved") && closed.err.contains("file"), "{}", closed.err);
    shop.kicc("journal export again --journal j").ends(74);

    shop.kicc("journal import file --journal new").ends(0);
    assert!(!shop.path("file").exists());
    let approvals = shop.van.counts().approvals;
    let again = shop.kicc("pay --config kicc.toml --journal new --orders orders --output json").ends(10);
    assert_eq!((&again.line("A1")["repeat"], shop.van.counts().approvals), (&true.into(), approvals));
    shop.orders(&["A2"]);
    shop.kicc("pay --config kicc.toml --journal new --orders orders").ends(0);
}

/// R24, R23.
#[test]
fn r24_a_shop_goes_on_from_a_copy_under_a_new_prefix() {
    let shop = Shop::new();
    shop.orders(&["A1"]);
    shop.pay("").ends(0);
    shop.kicc("journal export file --copy --journal j").ends(0);
    assert!(shop.kicc("journal export file --copy --journal j").ends(74).err.contains("file"));
    let import = shop.kicc("journal import file --journal new").ends(0);
    assert!(import.err.contains("counts as restored"), "{}", import.err);
    shop.orders(&["A2"]);
    let pay = "pay --config kicc.toml --journal new --orders orders";
    shop.kicc(pay).ends(2);
    shop.kicc("journal restored --prefix B- --journal new").ends(0);
    shop.orders(&["B-1"]);
    shop.kicc(pay).ends(0);
    // The exception to R23 is this file, and it alone.
    assert!(!fs::read_to_string(shop.path("file")).unwrap().is_empty() && !import.out.contains(TOKEN));
    shop.kicc("journal import file --journal new").ends(2);
}
