//! `kicc journal export` and `import`: a journal to another place, whole, or a copy of it.

use std::path::PathBuf;

use kicc_ureq::journal::{Exported, Imported, Purpose};

use crate::{
    client,
    exit::{Exit, Fail},
    store::Place,
};

/// The file holds what the journal holds, token keys among it: mode 0600. A move closes the journal for good, and is
/// refused while any process works with it.
#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    /// The journal: a file, or a database (postgres://user@host/name)
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
    /// The journal to be made: a file, or in a database (postgres://user@host/name)
    #[arg(long, value_name = "FILE")]
    journal: PathBuf,
    /// What `kicc journal export` wrote
    #[arg(value_name = "FILE")]
    from: PathBuf,
}

/// Runs `kicc journal export`.
pub fn export(args: &ExportArgs) -> Result<Exit, Fail> {
    let purpose = if args.copy { Purpose::Copy } else { Purpose::Move };
    let place = Place::of(&args.journal);
    let Exported { rows, opened } = place.export(&args.to, purpose)?;
    client::warn_of_restore(place, opened);
    let (what, to) = (counts(rows), args.to.display());
    match purpose {
        Purpose::Move => println!("moved {what} to {to}; {place} is closed for good"),
        Purpose::Copy => println!("copied {what} to {to}"),
    }
    Ok(Exit::DONE)
}

/// Runs `kicc journal import`.
pub fn import(args: &ImportArgs) -> Result<Exit, Fail> {
    let place = Place::of(&args.journal);
    let Imported { purpose, rows, removed } = place.import(&args.from)?;
    println!("imported {} into {place}", counts(rows));
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

fn counts([_, attempts, used]: [u64; 3]) -> String {
    format!("{attempts} records and {used} hashes of pruned ones")
}
