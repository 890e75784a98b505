//! A journal out of its SQLite file, and into one: the format and its reasons are in [`kicc_proto::journal::transfer`].

mod file;

use std::{io, path::PathBuf};

use kicc_proto::journal::transfer::FormatError;

pub use self::{
    export::{Exported, export},
    file::{ExportFile, ImportFile},
    import::{Imported, import},
};
use crate::OpenError;

mod export;
mod import;

/// Why a journal was not exported or imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// The journal was not opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The file cannot be made, written or read.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Other users may read the file, which holds what only the journal may (R23).
    #[error("{path} has mode {mode:03o}, so that others can read it: it is not trusted; it should be 600")]
    NotPrivate {
        /// Which.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The file is not what an export writes, or not whole.
    #[error("{path}: {error}")]
    Format {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        error: FormatError,
    },
    /// A process has the journal open: it could sell while the journal moves away under it (R3).
    #[error("{path} is in use: stop every process that works with it, then move it; nothing was changed")]
    InUse {
        /// The journal.
        path: PathBuf,
    },
    /// Something was written into it, or its mark says so (R24).
    #[error("{path} is, or was, in use: an import needs a new journal; nothing was changed")]
    NotEmpty {
        /// The journal.
        path: PathBuf,
    },
    /// A row holds what cannot be in a file: no version writes it.
    #[error("{0}; nothing was changed")]
    Cell(Box<str>),
    /// The store refuses.
    #[error("{path}: {why}")]
    Store {
        /// The journal.
        path: PathBuf,
        /// What it says.
        why: String,
    },
    /// The source may be closed, and no file was written: export a copy of it.
    #[error("{path} may be closed, and was not moved: {why}. What is in it, `export --copy` still gives")]
    NotMoved {
        /// The journal.
        path: PathBuf,
        /// What went wrong.
        why: String,
    },
}

#[cfg(test)]
mod tests;
