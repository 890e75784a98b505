use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use super::*;
use crate::{
    journal::{Key, Kind, Listing, Product, RecordText, Row, Standing},
    time::UnixMillis,
    values::{Environment, Mark, TerminalId, TransactionNumber},
};

/// The numbers of a statement's placeholders, in the order of their appearance.
fn placeholders(statement: &str) -> Vec<usize> {
    let numbers = statement.split('$').skip(1);
    numbers
        .map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap())
        .collect()
}

#[test]
fn placeholders_first_appear_in_ascending_order() {
    for statement in STATEMENTS {
        let mut highest = 0;
        for number in placeholders(statement) {
            assert!(number <= highest + 1, "${number} comes too early in {statement}");
            highest = highest.max(number);
        }
    }
}

/// R21, R3: a program of one version writes, and sends, nothing in tables of another.
#[test]
fn r21_what_writes_and_what_sends_asks_for_the_version() {
    let asked = format!("(SELECT m.number FROM kicc_meta AS m WHERE m.name = 'schema') = {SCHEMA_VERSION}");
    for statement in [NEXT_SEQUENCE, SEQUENCE, HOLDS] {
        assert!(statement.contains(&asked), "{statement}");
    }
    assert!(crate::journal::transfer::CLOSE.ends_with(&format!("AND number = {SCHEMA_VERSION}")));
}

/// R21.
#[test]
fn r21_tables_are_brought_from_any_version_to_the_last_and_others_left_alone() {
    let versions: [&[&str]; 3] = [&["a", "b"], &["c"], &["d"]];
    let set = |number| format!("UPDATE kicc_meta SET number = {number} WHERE name = 'schema'");
    let all = ["a".into(), "b".into(), set(1), "c".into(), set(2), "d".into(), set(3)];
    assert_eq!(upgrade(None, &versions).as_deref(), Some(&all[..]));
    assert_eq!(upgrade(Some(1), &versions).as_deref(), Some(&all[3..]));
    assert_eq!(upgrade(Some(2), &versions).as_deref(), Some(&all[5..]));
    assert_eq!(upgrade(Some(3), &versions), Some(Vec::new()));
    for other in [-1, 0, 4, i64::MAX] {
        assert_eq!(upgrade(Some(other), &versions), None, "{other}");
    }
}

#[test]
fn an_index_is_made_under_its_name_where_it_is_missing() {
    for (name, statement) in INDEXES {
        assert!(statement.starts_with(&format!("CREATE INDEX IF NOT EXISTS {name} ON ")), "{statement}");
    }
}

fn example() -> Row {
    Row {
        key: Key {
            environment: Environment::new("test").unwrap(),
            product: Product::Simple,
            terminal: TerminalId::new("T1").unwrap(),
            number: TransactionNumber::new("N1").unwrap(),
        },
        kind: Kind::Approval,
        original: None,
        authorisation_mark: Mark::new("m").ok(),
        live: true,
        standing: Standing::Open,
        told: false,
        revision: 1,
        token: 1,
        holder: "h".into(),
        lease_until: UnixMillis(u64::MAX),
        created_at: UnixMillis(1),
        updated_at: UnixMillis(1),
        suspect: false,
        record: RecordText("{}".to_string()),
    }
}

#[test]
fn values_match_the_placeholders_in_number() {
    let highest = |statement| placeholders(statement).into_iter().max().unwrap_or(0);
    let row = example();
    assert_eq!(insert_values(&row, 1).len(), highest(INSERT));
    assert_eq!(update_values(&row, 1, 1).len(), highest(UPDATE));
    let made = Listing::Made { from: UnixMillis(0), until: UnixMillis(9) };
    for which in [Listing::Open, Listing::Parked, Listing::Untold, made] {
        for after in [None, Some((UnixMillis(1), &row.key))] {
            let (statement, values) = list(which, after, 1);
            assert_eq!(values.len(), highest(statement));
        }
    }
}

#[test]
fn a_number_beyond_bigint_is_cut_to_the_highest() {
    assert!(Value::from(u64::MAX) == Value::Number(i64::MAX));
}

fn texts(values: &[Value<'_>]) -> Vec<String> {
    let text = |value: &Value<'_>| match value {
        Value::Text(text) => text.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Null => "null".to_string(),
    };
    values.iter().map(text).collect()
}

/// R3, R16: what a live row keeps others from taking; R22: what stands for it once the row was pruned.
#[test]
fn r16_a_slot_is_an_authorisation_or_a_refunded_approval() {
    let approval = example();
    assert_eq!(slot(&approval).as_deref(), Some("a:m"));
    let original = TransactionNumber::new("N0").ok();
    let refund = Row { kind: Kind::Refund, original, authorisation_mark: None, ..example() };
    assert_eq!(slot(&refund).as_deref(), Some("r:N0"));
    assert_eq!(slot(&Row { authorisation_mark: None, ..example() }), None);
    assert_eq!(slot_hash(&approval).as_ref().map(Mark::as_str), Some("063812c7148b48c0aa4a2d778ac14c2b"));
    assert_eq!(slot_hash(&Row { authorisation_mark: None, ..example() }), None);
}

/// A row that is dead when it is first written refuses nobody its slot, and is refused none.
#[test]
fn values_stand_in_the_order_of_the_columns() {
    let row = Row { told: true, revision: 3, token: 4, lease_until: UnixMillis(5), ..example() };
    let key = ["test", "simple", "T1", "N1"];
    let live = ["m", "a:m", "1", "open", "1", "3"];
    let insert = texts(&insert_values(&row, 9));
    let rest = [
        "4",
        "h",
        "5",
        "1",
        "1",
        "9",
        "{}",
        "f5ba9c3caac0c1fe18bf948b0a750dbe",
        "063812c7148b48c0aa4a2d778ac14c2b",
    ];
    assert_eq!(insert, [&key[..], &["approval", "null"], &live, &rest].concat());
    let dead = texts(&insert_values(&Row { live: false, ..row.clone() }, 9));
    assert_eq!((&*dead[8], &*dead[20]), ("0", "null"));
    let update = texts(&update_values(&row, 2, 9));
    assert_eq!(update, [&live[..], &["h", "5", "1", "9", "{}"], &key, &["2", "4"]].concat());
    let (_, page) = list(Listing::Open, Some((UnixMillis(7), &row.key)), 8);
    assert_eq!(texts(&page), [&["7"], &key[..], &["8"]].concat());
    let made = Listing::Made { from: UnixMillis(1), until: UnixMillis(2) };
    let (statement, page) = list(made, None, 8);
    assert!(statement == LIST_MADE && texts(&page) == ["1", "2", "-1", "", "", "", "", "8"]);
    let statements = [Listing::Open, Listing::Parked, Listing::Untold].map(|which| list(which, None, 1).0);
    assert!(statements == [LIST_OPEN, LIST_PARKED, LIST_UNTOLD]);
}

/// A result row by texts; a column without one is a small number.
struct Fake([Option<&'static str>; 18]);

impl Columns for Fake {
    fn text(&self, column: usize) -> Option<String> {
        self.0[column].map(String::from)
    }
    fn number(&self, column: usize) -> Option<i64> {
        self.0[column].is_none().then_some(1)
    }
}

fn fake(changes: &[(usize, &'static str)]) -> Fake {
    let (t, n) = (Some, None);
    let mut columns = [
        t("test"),
        t("simple"),
        t("T1"),
        t("N1"),
        t("approval"),
        n,
        n,
        n,
        t("open"),
        n,
        n,
        n,
        t("h"),
        n,
        n,
        n,
        n,
        t("{}"),
    ];
    for (column, text) in changes {
        columns[*column] = Some(*text);
    }
    Fake(columns)
}

/// The same with zeros for its numbers.
struct Zeros(Fake);

impl Columns for Zeros {
    fn text(&self, column: usize) -> Option<String> {
        self.0.text(column)
    }
    fn number(&self, column: usize) -> Option<i64> {
        self.0.number(column).map(|_| 0)
    }
}

#[test]
fn r21_an_unknown_value_makes_the_row_unreadable_and_names_the_column() {
    let read = row(&fake(&[])).unwrap();
    let expected =
        Row { authorisation_mark: None, told: true, suspect: true, lease_until: UnixMillis(1), ..example() };
    assert_eq!(read, expected);
    for (name, kind) in [("approval", Kind::Approval), ("refund", Kind::Refund)] {
        assert_eq!(row(&fake(&[(4, name)])).unwrap().kind, kind);
    }
    for (name, standing) in
        [("open", Standing::Open), ("parked", Standing::Parked), ("closed", Standing::Closed)]
    {
        assert_eq!(row(&fake(&[(8, name)])).unwrap().standing, standing);
    }
    let none = row(&Zeros(fake(&[]))).unwrap();
    assert_eq!((none.live, none.told, none.suspect, none.revision), (false, false, false, 0));
    let cases = [
        (1, "telepay", "product"),
        (3, "a b", "number"),
        (4, "top_up", "kind"),
        (5, "", "original"),
        (8, "lost", "standing"),
        (10, "x", "revision"),
    ];
    for (column, text, name) in cases {
        let unreadable = row(&fake(&[(column, text)])).unwrap_err();
        assert!(unreadable.why.contains(name), "{unreadable:?}");
        assert!(unreadable.key.starts_with("test/"), "{unreadable:?}");
    }
}
