//! The committed corpora of the fuzz targets, every input once, without a fuzzer: what was found stays found.

use std::{
    fs, panic,
    path::{Path, PathBuf},
};

use kicc_proto::flow::table::Verb;
use proptest::prelude::*;

#[path = "../../fuzz/src/lib.rs"]
mod fuzz;

/// The inputs of a target.
fn inputs(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut inputs: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    inputs.sort();
    inputs
}

#[test]
fn every_input_of_every_corpus_holds() {
    for (target, check) in fuzz::TARGETS {
        let inputs = inputs(target);
        assert!(inputs.len() >= 10, "{target} has only {} inputs", inputs.len());
        for path in &inputs {
            let data = fs::read(path).unwrap();
            if panic::catch_unwind(|| check(&data)).is_err() {
                panic!("{} fails; the reason stands above", path.display());
            }
        }
        println!("{target}: {} inputs", inputs.len());
    }
}

/// An input's name begins with the message that it answers, so that the bytes still mean what the name says.
#[test]
fn every_reply_answers_the_message_of_its_name() {
    for path in inputs("replies") {
        let (product, verb) = fuzz::replies::about(&fs::read(&path).unwrap()).unwrap();
        let verb = match verb {
            Verb::Approve => "approve",
            Verb::Cancel => "cancel",
            Verb::NetCancel => "net_cancel",
            Verb::Query => "query",
        };
        let name = path.file_name().unwrap().to_str().unwrap();
        let message = format!("{product:?}_{verb}_").to_lowercase();
        assert!(name.starts_with(&message), "{name} is about {message}");
    }
}

/// Every prefix of an input is an input: cut off anywhere, nothing panics and nothing is believed that should not be.
#[test]
fn every_input_cut_anywhere_holds() {
    for (target, check) in fuzz::TARGETS {
        for path in inputs(target) {
            let data = fs::read(&path).unwrap();
            for end in 0..data.len().min(400) {
                if panic::catch_unwind(|| check(&data[..end])).is_err() {
                    panic!("{} cut after {end} bytes fails; the reason stands above", path.display());
                }
            }
        }
    }
}

/// KS X 1001's Hangul and what else a text may hold (spec C.4).
const TEXT: &str = "[가-각나-낙마바사아자차카타파하 a-zA-Z0-9#:,.()%★￦漢字]{1,60}";
const NUMBER: &str = "[A-Za-z0-9_-]{1,20}";
const URL: &str = "https://shop\\.example/[a-z0-9/?=&#;|]{0,40}";

/// The fields of a message, one to a line, behind its digit.
fn message(which: u8, fields: &[&str]) -> Vec<u8> {
    format!("{which}{}", fields.join("\n")).into_bytes()
}

proptest! {
    /// R5: every order of proper values is built, and another parser reads the same in it.
    #[test]
    fn r5_orders_of_proper_values_are_built_and_read_back(
        number in NUMBER,
        token in "[!#-&(-\\[\\]-~]{1,128}",
        (total, vat, service, free) in (1_000u64..1_000_000, 0u64..300, 0u64..300, 0u64..300),
        months in 2u8..=12,
        data in "[가-힣 a-z0-9=,]{0,100}",
        (order, control) in ("[A-Za-z0-9]{1,40}", "[A-Za-z0-9]{1,20}"),
    ) {
        let [total, vat, service, free] = [total, vat, service, free].map(|won| won.to_string());
        let months = format!("{months:02}");
        let simple = [&*number, &token, &total, &vat, &service, &free, &months, &data];
        prop_assert!(fuzz::requests::round_trip(&message(0, &simple)).is_some(), "{:?}", simple);
        let easytalk = [&*number, &order, &control];
        prop_assert!(fuzz::requests::round_trip(&message(1, &easytalk)).is_some(), "{:?}", easytalk);
    }

    /// R5: the same of the messages before an approval, in EUC-KR.
    #[test]
    fn r5_registrations_of_proper_values_are_built_and_read_back(
        number in NUMBER,
        order in "[A-Za-z0-9]{1,40}",
        (total, tax) in (1_000u64..1_000_000, 0u64..300),
        (product, merchant, notice, parameter) in (TEXT, TEXT, TEXT, TEXT),
        url in URL,
        (customer, kind) in ("[!-~]{1,60}", "[0-9]{2}"),
        (id, mail, value) in ("[가-각a-z0-9]{1,30}", "[a-z]{1,20}@shop\\.example", "([0-9A-F]{1,200})?"),
    ) {
        let [total, tax] = [total, tax].map(|won| won.to_string());
        let purchase = [&*number, &order, &total, &tax, &product, &merchant, &notice, &url];
        let authentication = [&*number, &order, &customer, &customer, "11", "026", &url, &parameter];
        let user = [&*number, &id, &mail, &value, &url];
        for fields in [message(2, &purchase), message(3, &authentication), message(4, &user), message(5, &[&customer, &kind])] {
            prop_assert!(fuzz::requests::round_trip(&fields).is_some(), "{}", String::from_utf8_lossy(&fields));
        }
    }

    /// R5: the same of i'mport's charges and of its window's parameters, whatever text is in them.
    #[test]
    fn r5_iamports_messages_of_proper_values_are_built_and_read_back(
        number in "[A-Za-z0-9_-]{1,40}",
        customer in "[!#-&(-.0-\\[\\]-~]{3,80}",
        (total, free) in (50_000u64..1_000_000, 0u64..300),
        (name, buyer, address) in ("[가-각<>&'\"a-z /!]{1,39}x", "[가-각a-z]{1,16}", "[가-힣 a-z0-9]{0,100}x"),
        months in 2u8..=12,
        (url, data) in (URL, "[가-각<>&' a-z]{0,100}"),
        due in "2026(0[1-9]|1[0-2])(0[1-9]|2[0-8])(0[0-9]|1[0-9]|2[0-3])[0-5][0-9][0-5][0-9]",
    ) {
        let [total, free, months] = [total, free, u64::from(months)].map(|won| won.to_string());
        let charge = [&*number, &customer, &total, &free, &name, &buyer, "a@shop.example", "010-1234-5678", &address, "01181", "{}", &months, &url];
        let months = format!("{months:0>2}");
        let data = format!("{{\"data\":\"{data}\"}}");
        let by_card = [&*number, "kicc.T0001", &name, &total, &url, "", "010-1234-5678", "367", &months, "shop://back", &data];
        let escrow = [&*number, "channel-key-1", &name, &total, &url, &buyer, "a@shop.example", "010-1234-5678", &due, "GDS1", &name, "2"];
        let plain = [&*number, &customer, &total, &address, "key", "secret", "A1b"];
        for (which, fields) in [(6, &charge[..]), (7, &by_card), (8, &escrow), (9, &plain)] {
            prop_assert!(fuzz::requests::round_trip(&message(which, fields)).is_some(), "{} {:?}", which, fields);
        }
    }

    /// Any bytes are an input of every target.
    #[test]
    fn any_bytes_hold(data in proptest::collection::vec(any::<u8>(), 0..200)) {
        for (_, check) in fuzz::TARGETS {
            check(&data);
        }
    }
}
