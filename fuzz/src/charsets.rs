//! Charsets and texts: any bytes, and what they say as UTF-8 and as EUC-KR.

use encoding_rs::{EUC_KR, UTF_8};
use kicc_proto::values::{Charset, Problem, check_text, ks_x_1001_only};

/// R5: what is encoded reads back equal, nothing is replaced, and a refusal says where.
///
/// # Panics
/// Where that does not hold.
pub fn check(data: &[u8]) {
    for (charset, other) in [(Charset::Utf8, UTF_8), (Charset::EucKr, EUC_KR)] {
        let lossy = charset.decode_lossy(data);
        let (apart, damaged) = other.decode_without_bom_handling(data);
        assert_eq!(lossy, apart);
        assert_eq!(charset.decode(data).is_none(), damaged);
        if let Some(text) = charset.decode(data) {
            assert_eq!(text, lossy);
            assert_eq!(charset.encode(&text).as_deref(), Ok(data), "{charset}: not one to one");
        }
        written(charset, &lossy);
    }
    if let Err(at) = ks_x_1001_only(data) {
        assert!(at < data.len() && ks_x_1001_only(&data[..at]).is_ok());
    }
    let text = String::from_utf8_lossy(data);
    written(Charset::EucKr, &text);
    match check_text(&text) {
        Ok(()) => assert!(!text.contains(['\'', '"', '<', '>', '\\', ';', '|', '&', '\r', '\n', '\0'])),
        Err(Problem::BadCharacter { at, .. }) => {
            assert!(text.is_char_boundary(at) && at < text.len());
            assert_eq!(check_text(&text[..at]), Ok(()), "not the first bad character");
            assert!(check_text(&text[at..]).is_err());
        }
        Err(other) => panic!("{other}"),
    }
}

fn written(charset: Charset, text: &str) {
    match charset.encode(text) {
        Ok(bytes) => {
            assert_eq!(charset.len(text), Ok(bytes.len()));
            assert_eq!(charset.decode(&bytes).as_deref(), Some(text), "R5: not what was written");
        }
        Err(Problem::NotEncodable { at, character, .. }) => {
            assert_eq!(charset, Charset::EucKr);
            assert!(text[at..].starts_with(character));
            assert!(charset.encode(&text[..at]).is_ok(), "R5: not the first bad character");
            assert!(EUC_KR.encode(character.encode_utf8(&mut [0; 4])).2, "R5: {character:?} has a code");
        }
        Err(other) => panic!("{other}"),
    }
}
