use alloc::format;

use proptest::prelude::*;
use serde::de::{Deserializer as _, MapAccess};

use super::*;

fn one(text: &str) -> Result<Field<'_>, Unclear> {
    object(text, &["a"]).map(|[a]| a)
}

/// R7: structure is strict.
#[test]
fn r7_broken_structure_is_never_an_answer() {
    for text in ["", "{", r#"{"a":"1""#, r#"{"a":"1"}x"#, "[]", "1", "null", r#"{"a":1,}"#, "\u{feff}{}"] {
        assert_eq!(one(text).err(), Some(Unclear::NotJson), "{text}");
    }
    for text in [r#"{"a":1,"a":1}"#, r#"{"b":1,"b":2}"#, r#"{"a":1,"\u0061":1}"#] {
        assert_eq!(one(text).err(), Some(Unclear::DuplicateKey), "{text}");
    }
    let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(60_000), "]".repeat(60_000));
    assert!(one(&deep).is_err() || text(one(&deep).unwrap_or_default()).is_none());
}

/// R7: damage in a text replaces the text, and the answer stands.
#[test]
fn r7_damage_in_a_text_is_replaced() {
    let field = one(r#"{"a":"ok \ud800 end"}"#).unwrap();
    assert!(text(field).unwrap().contains('\u{fffd}'));
    assert_eq!(deciding(field), Err(()));
    assert_eq!(text(one(r#"{"a":"\ud55c"}"#).unwrap()).as_deref(), Some("한"));
    assert_eq!(text(one(r#"{"a":12}"#).unwrap()).as_deref(), Some("12"));
    assert_eq!(text(one(r#"{"a":null}"#).unwrap()), None);
    assert_eq!(text(one(r#"{"a":""}"#).unwrap()), None);
}

#[test]
fn a_text_from_outside_cannot_speak_to_a_terminal_or_forge_a_line() {
    let forged = r#"{"a":"ok\u001b[2J\r\nORD-2 approved\u0000\u202eX\u009b"}"#;
    let shown = text(one(forged).unwrap()).unwrap();
    assert_eq!(&*shown, "ok\u{fffd}[2J  ORD-2 approved\u{fffd}\u{fffd}X\u{fffd}");
    assert_eq!(text(one("{\"a\":\"\u{7f}\u{9b}한\"}").unwrap()).as_deref(), Some("\u{fffd}\u{fffd}한"));
}

/// R6, R7: how an amount may be written.
#[test]
fn r6_a_whole_amount_counts_however_it_is_written() {
    let longest = one(r#"{"a":123456789012345}"#).unwrap();
    assert_eq!(amount(longest), Ok(Some(Won(123_456_789_012_345))));
    for good in ["51004", "51004.0", "51004.00", r#""51004""#] {
        assert_eq!(amount(one(&format!(r#"{{"a":{good}}}"#)).unwrap()), Ok(Some(Won(51_004))), "{good}");
    }
    for bad in [
        "51004.5",
        "5e4",
        "-0",
        "1e400",
        r#""51,004""#,
        r#""""#,
        r#"" 51004""#,
        r#""+51004""#,
        "true",
        "{}",
        "1234567890123456",
    ] {
        assert_eq!(amount(one(&format!(r#"{{"a":{bad}}}"#)).unwrap()), Err(Unclear::Amount), "{bad}");
    }
}
/// An object as serde_json reads it, key by key: slow, and hard to get wrong.
struct Slow<'a, 's>(&'s mut Vec<(String, &'a RawValue)>);

impl<'de> Visitor<'de> for Slow<'de, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(entry) = map.next_entry()? {
            self.0.push(entry);
        }
        Ok(())
    }
}

fn slow<'a, const N: usize>(text: &'a str, names: &[&str; N]) -> Result<[Option<&'a str>; N], Unclear> {
    let mut entries = Vec::new();
    let mut json = serde_json::Deserializer::from_str(text);
    let read = json.deserialize_map(Slow(&mut entries)).and_then(|()| json.end());
    let keys: BTreeSet<_> = entries.iter().map(|(key, _)| key).collect();
    if keys.len() < entries.len() {
        return Err(Unclear::DuplicateKey);
    }
    read.map_err(|_| Unclear::NotJson)?;
    let find = |name: &str| entries.iter().find(|(key, _)| key == name).map(|(_, value)| value.get());
    Ok(names.map(find))
}

/// Objects, and what is nearly one.
fn nearly_json() -> impl Strategy<Value = String> {
    let key = prop_oneof![
        4 => proptest::sample::select(&[r#""a""#, r#""b""#, r#""c""#, r#""d""#, r#""ab""#, r#""""#][..]).prop_map(String::from),
        1 => proptest::sample::select(&[r#""\u0061""#, r#""\ud800""#, "\"\t\"", r#""a"#, "a", "1", r#""한""#, "\"\u{7f}\""][..]).prop_map(String::from),
    ];
    let value = prop_oneof![
        4 => "\"[a-z0-9 가-힣\u{7f}-\u{a1}\u{2026}-\u{2069}\u{feff}]{0,6}\"",
        2 => proptest::sample::select(&["0", "10", "51004.0", "-1.5e3", "01", "00", "1e3", "1 2", "1x", "null", "nul", "true", "[1,{}]", "[1,]", r#"{"a":1,"a":2}"#, "{", "]", ""][..]).prop_map(String::from),
        1 => proptest::sample::select(&[r#""\n""#, r#""\ud800""#, r#""\x""#, r#""\u00"#, "\"\n\"", r#""\\""#, r#""\"#, r#"""#][..]).prop_map(String::from),
    ];
    let space = proptest::sample::select(&["", "", "", "", " ", "\t\r\n ", "\u{b}", "\u{a0}"][..]);
    let colon = proptest::sample::select(&[":", ":", ":", ":", ":", ":", " : ", "", "::", ","][..]);
    let entries = proptest::collection::vec((key, colon, value), 0..5);
    let separator = proptest::sample::select(&[",", ",", ",", ",", " ,\n", ",,", ""][..]);
    let ends = proptest::sample::select(
        &[
            ("{", "}"),
            ("{", "}"),
            ("{", "}"),
            (" {", "} "),
            ("{", ",}"),
            ("{", ""),
            ("", "}"),
            ("[", "]"),
            ("{", "}}"),
            ("\u{feff}{", "}"),
        ][..],
    );
    (entries, separator, ends, space).prop_map(|(entries, separator, (begin, end), space)| {
        let entries = entries
            .into_iter()
            .map(|(key, colon, value)| format!("{space}{key}{colon}{space}{value}{space}"));
        format!("{begin}{}{end}", Vec::from_iter(entries).join(separator))
    })
}

fn check(text: &str) -> Result<(), TestCaseError> {
    const NAMES: [&str; 4] = ["a", "b", "c", "한"];
    let (read, expected) = (object(text, &NAMES), slow(text, &NAMES));
    prop_assert_eq!(&texts(text, &NAMES), &read, "{}", text);
    prop_assert_eq!(read.is_err(), expected.is_err(), "{}", text);
    // Of two faults either may be met first.
    prop_assert!(read != Err(Unclear::DuplicateKey) || expected == Err(Unclear::DuplicateKey), "{}", text);
    for (value, raw) in read.into_iter().flatten().zip(expected.into_iter().flatten()) {
        match (value, raw) {
            (None, None) => {}
            (Some(Value::Json(json)), Some(raw)) => prop_assert_eq!(json, raw),
            (Some(Value::Text(inside)), Some(raw)) => {
                prop_assert_eq!(format!("\"{inside}\""), raw);
                prop_assert_eq!(serde_json::from_str::<String>(raw).unwrap(), inside);
                prop_assert_eq!(for_people(inside), inside);
            }
            (value, raw) => prop_assert!(false, "{:?} for {:?}", value, raw),
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    /// R7: what is read here in one pass is what serde_json reads.
    #[test]
    fn r7_an_object_is_read_as_serde_json_reads_it(text in nearly_json()) {
        check(&text)?;
    }

    /// R7: the same of a text that was cut off or has a byte too many.
    #[test]
    fn r7_a_damaged_object_is_read_as_serde_json_reads_it(text in nearly_json(), at: proptest::sample::Index, more in "[\"\\\\{}:, a\\[\\]]{0,2}") {
        let at = text.char_indices().map(|(at, _)| at).nth(at.index(text.chars().count().max(1))).unwrap_or_default();
        check(&text[..at])?;
        check(&format!("{}{more}{}", &text[..at], &text[at..]))?;
    }
}

/// R7: of any number of keys that nobody asked for, none may stand twice.
#[test]
fn r7_a_key_that_nobody_asked_for_stands_once() {
    let keys = |numbers: &mut dyn Iterator<Item = usize>| {
        let keys = Vec::from_iter(numbers.map(|n| format!(r#""k{n}":{n}"#)));
        one(&format!("{{{}}}", keys.join(","))).map(|_| ()).err()
    };
    assert_eq!(keys(&mut (0..40)), None);
    for again in [0, 7, 8, 9, 39] {
        assert_eq!(keys(&mut (0..40).chain([again])), Some(Unclear::DuplicateKey), "{again}");
    }
}

/// What may be left as it is, is told by the first byte of each character.
#[test]
fn every_character_that_people_may_not_be_shown_is_noticed() {
    for character in char::MIN..=char::MAX {
        let mut space = [0; 4];
        let text = &*character.encode_utf8(&mut space);
        let expected = match character {
            '\t' | '\n' | '\r' | '\u{2028}' | '\u{2029}' => " ",
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => "\u{fffd}",
            _ if character.is_control() => "\u{fffd}",
            _ => text,
        };
        assert_eq!(for_people(text), expected);
    }
}
