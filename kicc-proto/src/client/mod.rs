//! What a client is made of, whatever carries its bytes: terminals, questions to the merchant, ends, errors. Both
//! adapters show these as their own.

mod accept;
mod error;
mod progress;
mod terminals;

pub use self::{
    accept::{Answer, Question},
    error::{BuildError, Error},
    progress::{Concluded, End, Found, Open, OpenReason, Told},
    terminals::{Keys, Signing, Terminal, Terminals},
};

#[cfg(test)]
mod tests;
