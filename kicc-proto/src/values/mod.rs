//! The bounded, checked things that go on the wire. Made once, valid for ever (R5).
//!
//! A constructor is the only way in, also for `Deserialize`; an error is an [`Invalid`], which names the
//! field, the limit and where it was broken, never the value. Lengths are bytes in the charset of the
//! message.

mod amount;
mod charset;
mod date;
mod error;
mod ids;
mod inline;
mod instalment;
mod mark;
mod number;
mod secret;
mod text;
mod token;
mod url;
mod user_data;
mod wiped;

pub use amount::{Amount, Parts, Rounding, Won, vat_split};
pub use charset::{Charset, ks_x_1001_only};
pub use date::{KstDate, KstDateTime, KstTime};
pub use error::{Invalid, Problem};
pub use ids::{
    BusinessNumber, ChannelId, Environment, OrderNumber, RefundId, ServiceId, TerminalId, VanTerminalId,
};
pub use instalment::Instalment;
pub use mark::Mark;
pub use number::TransactionNumber;
pub use secret::Secret;
pub use text::check_text;
pub use token::{AuthorizationId, CertControlNumber, TokenKey};
pub use url::{PageUrl, ReturnUrl};
pub use user_data::UserData;

pub(crate) use charset::check_euc_kr;
pub(crate) use inline::{ascii, check_ascii, serde_as_text, text_value};
pub(crate) use mark::{hex_digits, hexadecimal};
pub(crate) use wiped::{Bytes, CIPHER, HASH, SUM, append_json, json, off_the_stack, wipe, wipe_text};
