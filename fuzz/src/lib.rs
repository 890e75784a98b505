//! What the fuzz targets check: a function for each, which takes any bytes and panics where a promise is broken.
//! They are plain functions, so that an ordinary test replays the committed corpora.

pub mod calls;
pub mod charsets;
pub mod posts;
pub mod records;
pub mod replies;
pub mod requests;
pub mod scripts;
mod shop;

/// Takes an input, and panics where a promise is broken.
pub type Check = fn(&[u8]);

/// Every target by its name, which is its corpus's too.
pub const TARGETS: [(&str, Check); 7] = [
    ("calls", calls::check),
    ("charsets", charsets::check),
    ("posts", posts::check),
    ("records", records::check),
    ("replies", replies::check),
    ("requests", requests::check),
    ("scripts", scripts::check),
];
