//! The keys that a section of the configuration may have, as its type says them; and the nearest to a wrong one.

use serde::{
    Deserialize, Deserializer,
    de::{self, Visitor, value::Error},
    forward_to_deserialize_any,
};
use toml::Table;

/// The least likeness (0 to 1) at which a right key is suggested for a wrong one; our choice.
const ALIKE: f64 = 0.7;

/// Refuses the first key of `table` that is no field of `T`. `place` names the table, or is empty for the file.
pub fn check<T: for<'de> Deserialize<'de>>(table: &Table, place: &str) -> Result<(), String> {
    let right = fields::<T>();
    let Some(wrong) = table.keys().find(|key| !right.contains(&key.as_str())) else { return Ok(()) };
    let place = if place.is_empty() { String::new() } else { format!(" in {place}") };
    let likeness = |key: &&&str| strsim::jaro_winkler(wrong, key);
    let nearest = right.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    Err(match nearest.filter(|key| likeness(key) >= ALIKE) {
        Some(nearest) => format!("unknown key `{wrong}`{place}; did you mean `{nearest}`?"),
        None => format!("unknown key `{wrong}`{place}; the keys there are: {}", right.join(", ")),
    })
}

fn fields<T: for<'de> Deserialize<'de>>() -> &'static [&'static str] {
    let mut fields: &[&str] = &[];
    // It always fails, after it has told its fields.
    let _ = T::deserialize(Fields(&mut fields));
    fields
}

/// Asks a type for its fields instead of giving it any.
struct Fields<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Fields<'_> {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        Err(de::Error::custom("only the names were wanted"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Error> {
        Err(de::Error::custom("not a struct"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
