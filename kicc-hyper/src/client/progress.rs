//! What a call gives back.

use std::{ops::Deref, sync::Arc};

use kicc_proto::{
    client::{End, Open},
    journal::{AsyncJournal, WriteError},
};

/// Where an attempt or a refund stands.
#[derive(Debug)]
#[must_use]
pub enum Progress {
    /// It has ended.
    Settled(Box<Settled>),
    /// It is still open: no outcome, and no reason to try again under another number.
    Open(Box<Open>),
}

/// An end that is in the journal, unless nothing of it was ever recorded; all that [`End`] tells.
#[must_use = "say `told` once the outcome has reached whoever asked, or recovery tells it again (R22)"]
pub struct Settled {
    pub(super) end: End,
    pub(super) journal: Arc<dyn AsyncJournal>,
}

impl Deref for Settled {
    type Target = End;

    fn deref(&self) -> &End {
        &self.end
    }
}

impl Settled {
    /// The outcome has reached whoever asked; until then recovery tells it again (R22).
    ///
    /// # Errors
    /// When the journal did not take it: it may be told once more.
    pub async fn told(&self) -> Result<(), WriteError> {
        match self.to_tell() {
            Some((key, revision)) => self.journal.told(key, revision).await.map(|_| ()),
            None => Ok(()),
        }
    }
}

impl std::fmt::Debug for Settled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.end.fmt(f)
    }
}
