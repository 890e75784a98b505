//! EUC-KR against Python's codecs over every code point, from `vectors/euc_kr.py`: what is sent and read is what an
//! independent table says, nothing is replaced, and KS X 1001 ends where the narrower codec does.

use std::collections::BTreeMap;

use kicc_proto::values::{Charset, Problem, ks_x_1001_only};

const EUC_KR: &str = include_str!("vectors/euc_kr.txt");
const CP949: &str = include_str!("vectors/cp949.txt");

/// Characters and their codes.
fn table(text: &str) -> BTreeMap<char, [u8; 2]> {
    let mut table = BTreeMap::new();
    for line in text.lines() {
        let (first, characters) = line.split_once(' ').unwrap();
        for (code, character) in (u16::from_str_radix(first, 16).unwrap()..).zip(characters.chars()) {
            assert_eq!(table.insert(character, code.to_be_bytes()), None, "{character:?} twice");
        }
    }
    table
}

#[test]
fn r5_every_code_point_is_encoded_as_itself_or_refused() {
    let (narrow, wide) = (table(EUC_KR), table(CP949));
    assert_eq!((narrow.len(), wide.len()), (8_226, 17_048));
    for character in '\0'..=char::MAX {
        let text = character.to_string();
        let expected = match wide.get(&character) {
            Some(code) => Ok(code.to_vec()),
            None if character.is_ascii() => Ok(vec![character as u8]),
            None => Err(Problem::NotEncodable { at: 0, character, charset: Charset::EucKr }),
        };
        assert_eq!(Charset::EucKr.encode(&text), expected, "{character:?}");
        assert_eq!(Charset::EucKr.len(&text), expected.as_ref().map(Vec::len).map_err(|problem| *problem));
        if let Ok(bytes) = expected {
            let inside = character.is_ascii() || narrow.get(&character) == wide.get(&character);
            assert_eq!(ks_x_1001_only(&bytes).is_ok(), inside, "{character:?}");
        }
    }
    assert!(narrow.keys().all(|character| wide.contains_key(character)));
}

#[test]
fn r7_every_byte_pair_is_decoded_as_the_table_says() {
    let codes: BTreeMap<[u8; 2], char> =
        table(CP949).into_iter().map(|(character, code)| (code, character)).collect();
    for byte in 0..=u8::MAX {
        let expected = byte.is_ascii().then(|| char::from(byte).to_string());
        assert_eq!(Charset::EucKr.decode(&[byte]), expected, "{byte:02x}");
    }
    for pair in (0x8000..=u16::MAX).map(u16::to_be_bytes) {
        let expected = codes.get(&pair).map(char::to_string);
        assert_eq!(Charset::EucKr.decode(&pair), expected, "{pair:02x?}");
        // What is malformed takes no ASCII after it along, such as the quote that ends a text.
        let lossy = Charset::EucKr.decode_lossy(&pair);
        if expected.is_none() && pair[1].is_ascii() {
            assert!(lossy.ends_with(char::from(pair[1])), "{pair:02x?} {lossy:?}");
        }
    }
}
