//! `kicc journal export` and `import`: a journal to another place, whole, or a copy of it.

use std::path::{Path, PathBuf};

use kicc_ureq::journal::{self, Exported, Imported, Purpose, TransferError};

use crate::{
    client,
    exit::{Exit, Fail},
    store::Place,
};

/// The file holds what the journal holds, token keys among it: mode 0600. A move closes the journal for good, and is
/// refused while any process has it open.
#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    /// The journal
    #[arg(long, value_name = "FILE")]
    journal: PathBuf,
    /// Write a copy and leave the journal as it is; what is imported from it counts as restored from a backup
    #[arg(long)]
    copy: bool,
    /// A file that does not exist yet
    #[arg(value_name = "FILE")]
    to: PathBuf,
}

/// All or nothing. The file of a move is removed afterwards: it must not be imported twice.
#[derive(Debug, clap::Args)]
pub struct ImportArgs {
    /// The journal to be made
    #[arg(long, value_name = "FILE")]
    journal: PathBuf,
    /// What `kicc journal export` wrote
    #[arg(value_name = "FILE")]
    from: PathBuf,
}

/// Runs `kicc journal export`.
pub fn export(args: &ExportArgs) -> Result<Exit, Fail> {
    only_files(&args.journal)?;
    let purpose = if args.copy { Purpose::Copy } else { Purpose::Move };
    let Exported { rows, opened } = journal::export(&args.journal, &args.to, purpose).map_err(fail)?;
    client::warn_of_restore(Place::of(&args.journal), opened);
    let (what, to) = (counts(rows), args.to.display());
    match purpose {
        Purpose::Move => println!("moved {what} to {to}; {} is closed for good", args.journal.display()),
        Purpose::Copy => println!("copied {what} to {to}"),
    }
    Ok(Exit::DONE)
}

/// Runs `kicc journal import`.
pub fn import(args: &ImportArgs) -> Result<Exit, Fail> {
    only_files(&args.journal)?;
    let Imported { purpose, rows, removed } = journal::import(&args.from, &args.journal).map_err(fail)?;
    println!("imported {} into {}", counts(rows), args.journal.display());
    if purpose == Purpose::Copy {
        eprintln!(
            "kicc: warning: {} was a copy, so the journal counts as restored from a backup: the accept step is asked before \
             anything is sent, and new numbers are refused until `kicc journal restored --prefix P` (R24).",
            args.from.display()
        );
    }
    if let Err(error) = removed {
        eprintln!(
            "kicc: warning: {} cannot be removed: {error}. Remove it: to import it once more would make two journals that \
             sell the same numbers.",
            args.from.display()
        );
    }
    Ok(Exit::DONE)
}

fn only_files(journal: &Path) -> Result<(), Fail> {
    match Place::of(journal) {
        Place::File(_) => Ok(()),
        Place::Database(_) => {
            Err(Fail::input("only the journal in a file can be moved, not one in a database"))
        }
    }
}

fn counts([_, attempts, used]: [u64; 3]) -> String {
    format!("{attempts} records and {used} hashes of pruned ones")
}

/// What the operator can put right is bad input.
fn fail(error: TransferError) -> Fail {
    match error {
        TransferError::Open(_) | TransferError::File { .. } | TransferError::Store { .. } => Fail::io(error),
        _ => Fail::input(error),
    }
}
