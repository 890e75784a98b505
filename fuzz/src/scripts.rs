//! Bytes as a script of what happens to one sale: to its messages, its journal, its workers, its merchant and its
//! clocks, against a gateway with a ledger. Each byte is one choice; beyond the end everything goes well.

mod gateway;
mod run;

use self::run::Run;

/// R4, R10, R12, R17, R18: in the end ledger, books and what was told agree, however it went.
///
/// # Panics
/// Where that does not hold.
pub fn check(data: &[u8]) {
    let mut run = Run::new(Choices(data));
    run.sell();
    run.refund();
    run.check();
}

/// The choices that are left.
pub(crate) struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    /// One of that many; 0 is the good one.
    pub fn choose(&mut self, width: u8) -> u8 {
        match self.0 {
            [first, rest @ ..] => {
                self.0 = rest;
                first % width
            }
            [] => 0,
        }
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
