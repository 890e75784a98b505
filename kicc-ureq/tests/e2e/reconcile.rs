//! The second script, `reconcile.py`, can find what is wrong; that nothing is, the other tests ask it.

use std::fs;

use kicc_testkit::van::{
    Ledger,
    faults::{Fault, Plan, Product},
};
use libtest_mimic::Trial;

use crate::{
    books::{self, PYTHON},
    shop::{CALM, PRODUCTS, Shop, name},
    trials::trial_if,
};

pub fn trials() -> Vec<Trial> {
    let finds = PRODUCTS.map(|product| {
        let trial = format!("reconcile::{}::the_second_script_finds_lost_doubled_and_wrong", name(product));
        trial_if(PYTHON.clone(), &trial, move || finds(product))
    });
    finds.into()
}

fn finds(product: Product) {
    let shop = Shop::open(product, CALM, CALM.van());
    let numbers: Vec<String> = [Fault::Ok, Fault::Decline, Fault::Ok]
        .into_iter()
        .zip(1..)
        .map(|(fault, n)| Plan::from(fault).number(n))
        .collect();
    let run = shop.pay(&numbers).ended_with(&[10]);
    assert_eq!(books::agree(&shop, &numbers, &run.lines), 0);

    let honest = shop.van.ledger();
    let charge = honest.entry(&numbers[0]).unwrap().charges[0].clone();
    let verdict = |change: &dyn Fn(&mut Ledger)| {
        let mut ledger = honest.clone();
        change(&mut ledger);
        let path = shop.path("ledger.json");
        fs::write(&path, serde_json::to_vec(&ledger).unwrap()).unwrap();
        let output = books::second_opinion(&shop, &format!("file://{}", path.display()));
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), text.lines().last().unwrap_or_default().to_owned())
    };
    let said = |code, text: &str| (Some(code), text.to_owned());
    let entry =
        |ledger: &Ledger, number: &str| ledger.entries.iter().position(|e| e.number == number).unwrap();
    assert_eq!(verdict(&|_| ()), said(0, "0 lost, 0 doubled, 0 wrong, 0 for a person"));
    let twice = verdict(&|ledger| {
        let at = entry(ledger, &numbers[0]);
        ledger.entries[at].charges.push(charge.clone());
    });
    assert_eq!(twice, said(1, "0 lost, 1 doubled, 0 wrong, 0 for a person"));
    let lost = verdict(&|ledger| {
        let at = entry(ledger, &numbers[1]);
        ledger.entries[at].charges.push(charge.clone());
    });
    assert_eq!(lost, said(1, "1 lost, 0 doubled, 0 wrong, 0 for a person"));
    let vanished = verdict(&|ledger| {
        let at = entry(ledger, &numbers[2]);
        ledger.entries[at].charges.clear();
    });
    assert_eq!(vanished, said(1, "0 lost, 0 doubled, 1 wrong, 0 for a person"));
}
