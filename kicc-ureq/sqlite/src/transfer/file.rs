//! The file of an export: private to its owner, and whole or of no use.

use std::{
    fs::{self, File},
    io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write as _},
    path::{Path, PathBuf},
};

use kicc_proto::journal::{
    sql::Value,
    transfer::{Decoder, Encoder, FormatError, LINE_MAX, Line, Purpose, TABLES},
};

use super::TransferError;

/// A file that is being written. Dropped before [`ExportFile::end`], it is removed; what a killed process leaves has no
/// end, and is refused.
#[derive(Debug)]
pub struct ExportFile {
    path: PathBuf,
    out: BufWriter<File>,
    /// None once the end is written.
    encoder: Option<Encoder>,
}

impl ExportFile {
    /// Makes the file, mode 0600; `counts` are the rows of each table that will come.
    ///
    /// # Errors
    /// When there is something under that name, or the file cannot be made.
    pub fn create(path: &Path, purpose: Purpose, counts: [u64; TABLES.len()]) -> Result<Self, TransferError> {
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(file_error(path))?;
        let (encoder, head) = Encoder::begin(purpose, counts);
        let out = BufWriter::with_capacity(1 << 16, file);
        let mut export = ExportFile { path: path.to_owned(), out, encoder: Some(encoder) };
        export.write(&head)?;
        Ok(export)
    }

    /// Writes a row, in the order of the tables and of their statements.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn row(&mut self, cells: &[Value<'_>]) -> Result<(), TransferError> {
        let line = self.encoder.as_mut().map(|encoder| encoder.row(cells)).unwrap_or_default();
        self.write(&line)
    }

    /// Brings all rows to the disk. To be called before a source is closed.
    ///
    /// # Errors
    /// When the file cannot be written, or not all rows came that were counted.
    pub fn rows_are_safe(&mut self) -> Result<(), TransferError> {
        if !self.encoder.as_ref().is_some_and(Encoder::is_complete) {
            let error = io::Error::other("the journal changed while it was read");
            return Err(file_error(&self.path)(error));
        }
        self.sync().map_err(file_error(&self.path))
    }

    /// Writes the end: from now on the file can be imported. To be called once the source is closed for certain.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn end(mut self) -> Result<(), TransferError> {
        self.rows_are_safe()?;
        let end = self.encoder.take().map(Encoder::end).unwrap_or_default();
        let written = self.write(&end).and_then(|()| self.sync().map_err(file_error(&self.path)));
        if written.is_err() {
            let _ = fs::remove_file(&self.path);
        }
        written
    }

    fn write(&mut self, line: &str) -> Result<(), TransferError> {
        self.out.write_all(line.as_bytes()).map_err(file_error(&self.path))
    }

    /// The content and the name.
    fn sync(&mut self) -> io::Result<()> {
        self.out.flush()?;
        self.out.get_ref().sync_all()?;
        #[cfg(unix)]
        if let Some(folder) = self.path.parent() {
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }
}

impl Drop for ExportFile {
    fn drop(&mut self) {
        if self.encoder.is_some() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A file that is being read.
#[derive(Debug)]
pub struct ImportFile {
    path: PathBuf,
    input: BufReader<File>,
    decoder: Decoder,
    text: Vec<u8>,
}

impl ImportFile {
    /// Opens the file and reads its head.
    ///
    /// # Errors
    /// When it cannot be read, others may read it (R23), or it is no export of this version.
    pub fn open(path: &Path) -> Result<Self, TransferError> {
        let file = File::open(path).map_err(file_error(path))?;
        #[cfg(unix)]
        {
            let metadata = file.metadata().map_err(file_error(path))?;
            let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777;
            if mode & 0o077 != 0 {
                return Err(TransferError::NotPrivate { path: path.to_owned(), mode });
            }
        }
        let mut input = BufReader::with_capacity(1 << 16, file);
        let mut text = Vec::new();
        read_line(&mut input, &mut text).map_err(file_error(path))?;
        let decoder = Decoder::begin(&text).map_err(format_error(path))?;
        Ok(ImportFile { path: path.to_owned(), input, decoder, text })
    }

    /// What the file is for.
    #[must_use]
    pub fn purpose(&self) -> Purpose {
        self.decoder.purpose()
    }

    /// How many rows of each table it has.
    #[must_use]
    pub fn counts(&self) -> [u64; TABLES.len()] {
        self.decoder.counts()
    }

    /// The next row, and which of the tables it is of; none at the end of the file, which is whole then.
    ///
    /// # Errors
    /// When the file cannot be read or is not whole: then nothing of it may be kept.
    pub fn row(&mut self) -> Result<Option<(usize, Vec<Value<'static>>)>, TransferError> {
        read_line(&mut self.input, &mut self.text).map_err(file_error(&self.path))?;
        match self.decoder.line(&self.text).map_err(format_error(&self.path))? {
            Line::Row(table, cells) => Ok(Some((table, cells))),
            Line::End => match read_line(&mut self.input, &mut self.text).map_err(file_error(&self.path))? {
                0 => Ok(None),
                _ => Err(format_error(&self.path)(FormatError::Trailing)),
            },
        }
    }

    /// Whether the file is whole, to its end. To be asked before anything is made of it.
    ///
    /// # Errors
    /// As [`ImportFile::open`] and [`ImportFile::row`].
    pub fn check(path: &Path) -> Result<(), TransferError> {
        let mut file = ImportFile::open(path)?;
        while file.row()?.is_some() {}
        Ok(())
    }

    /// Removes the file of a move that was imported, so that it is not imported a second time; else why it was not.
    ///
    /// # Errors
    /// In words.
    pub fn used(self) -> Result<(), String> {
        match self.purpose() {
            Purpose::Move => fs::remove_file(&self.path).map_err(|error| error.to_string()),
            Purpose::Copy => Ok(()),
        }
    }
}

fn read_line(input: &mut BufReader<File>, text: &mut Vec<u8>) -> io::Result<usize> {
    text.clear();
    input.take(LINE_MAX as u64).read_until(b'\n', text)
}

pub(super) fn file_error(path: &Path) -> impl FnOnce(io::Error) -> TransferError + '_ {
    |error| TransferError::File { path: path.to_owned(), error }
}

fn format_error(path: &Path) -> impl FnOnce(FormatError) -> TransferError + '_ {
    |error| TransferError::Format { path: path.to_owned(), error }
}
