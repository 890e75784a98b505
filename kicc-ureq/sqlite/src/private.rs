//! Files that other users of the machine can neither read nor lock.
//!
//! The journal holds what a net-cancel repeats, a token key among it (R10, R23); and whoever may read a file may lock it,
//! and so keep a mark busy or a dead holder alive. The group is left to the umask, so that several users may share a
//! till. A file that is there keeps its mode.

use std::{
    fs::{DirBuilder, OpenOptions},
    io,
    path::Path,
};

/// How a new file is made.
pub(crate) fn file() -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "modes are Unix's alone"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o660);
    options
}

/// Makes the folder, if it is not there.
pub(crate) fn folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o770);
    builder.recursive(true).create(path)
}
