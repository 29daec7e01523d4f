//! Checks that a command does not overwrite a file that it reads.
//!
//! Files are compared by device and inode. So a file is recognised under each of its names: other spellings of a path,
//! symbolic links and hard links. A file that does not exist yet is compared by its future path.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use crate::WrongUsage;
use crate::inputs::{Input, Inputs, shown};

/// Maximum number of symbolic links that are followed one after another.
const LINKS_MAX: usize = 40;

/// Endings that SQLite appends to the name of a database for its further files; the empty one is the database.
const BESIDE_STORE: [&str; 4] = ["", "-wal", "-shm", "-journal"];

/// Identity of a file, equal for all names of the same file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum FileIdentity {
    /// A file that exists: device and inode.
    #[cfg(unix)]
    Inode(u64, u64),
    /// A path without symbolic links, for a file that does not exist yet.
    Path(PathBuf),
}

/// The files that one command reads and writes, to check that it overwrites none of them by mistake.
#[derive(Debug, Clone, Copy)]
pub struct UsedFiles<'a> {
    /// Trail files, which are read.
    pub inputs: &'a Inputs,
    /// Rules file, which is read.
    pub rules: Option<&'a Path>,
    /// Settings file, which is read.
    pub settings: Option<&'a Path>,
    /// SQLite file whose decisions are carried over, which is read.
    pub marks: Option<&'a Path>,
    /// SQLite file with the clusters, which is read and written.
    pub store: Option<&'a Path>,
    /// HTML report, which is written at the end.
    pub page: Option<&'a Path>,
}

impl UsedFiles<'_> {
    /// Checks that neither the SQLite file nor the HTML report would overwrite another file of the command.
    ///
    /// # Errors
    /// [`WrongUsage`] if a file would be overwritten; nothing has been read or written then.
    pub fn check(&self) -> Result<(), WrongUsage> {
        if self.page.is_none() && self.store.is_none() {
            return Ok(());
        }
        let read = self.read();
        let store = self.store.map(store_files).unwrap_or_default();
        if let Some((path, what)) = self.store.zip(store.iter().find_map(|file| read.get(file))) {
            return Err(WrongUsage(format!(
                "{}: this would overwrite {what}; choose another file with --db",
                shown(path)
            )));
        }
        let Some((path, page)) = self.page.and_then(|path| Some((path, identity(path)?))) else {
            return Ok(());
        };
        let is_store = || store.contains(&page).then(|| "the store".to_owned());
        match read.get(&page).cloned().or_else(is_store) {
            Some(what) => Err(WrongUsage(format!(
                "{}: this would overwrite {what}; choose another file with --html",
                shown(path)
            ))),
            None => Ok(()),
        }
    }

    /// Returns the files that are read, each with its description for error messages.
    fn read(&self) -> BTreeMap<FileIdentity, String> {
        let inputs = self.inputs.found.iter().filter_map(|input| match input {
            Input::File(path) | Input::Maybe(path) => of_input(path),
            Input::Zipped { archive, .. } => of_input(archive),
            Input::Object(_) => None,
            Input::Stdin => Some((stdin()?, "the file on standard input".to_owned())),
        });
        let others = [
            (self.rules, "the rules"),
            (self.settings, "the settings"),
            (self.marks, "the store of --marks-from"),
        ];
        let others = others
            .into_iter()
            .filter_map(|(path, what)| Some((identity(path?)?, what.to_owned())));
        inputs.chain(others).collect()
    }
}

fn of_input(path: &Path) -> Option<(FileIdentity, String)> {
    Some((identity(path)?, format!("the input {}", shown(path))))
}

/// Returns the files that SQLite uses for the store at this path.
fn store_files(path: &Path) -> Vec<FileIdentity> {
    let Ok(place) = destination(path) else {
        return Vec::new();
    };
    let names = BESIDE_STORE.into_iter().map(|ending| {
        let mut name = OsString::from(&place);
        name.push(ending);
        PathBuf::from(name)
    });
    names.filter_map(|name| identity(&name)).collect()
}

/// Returns the identity of the file at a path.
///
/// `None` for a folder, a pipe or a device, and for a path that cannot be written: no data can be lost there.
fn identity(path: &Path) -> Option<FileIdentity> {
    match fs::metadata(path) {
        Ok(metadata) => of_file(path, &metadata),
        Err(_) => destination(path).ok().map(FileIdentity::Path),
    }
}

#[cfg(unix)]
fn of_file(_path: &Path, metadata: &Metadata) -> Option<FileIdentity> {
    use std::os::unix::fs::MetadataExt as _;
    let inode = FileIdentity::Inode(metadata.dev(), metadata.ino());
    metadata.is_file().then_some(inode)
}

#[cfg(not(unix))]
fn of_file(path: &Path, metadata: &Metadata) -> Option<FileIdentity> {
    let path = fs::canonicalize(path).ok().map(FileIdentity::Path);
    path.filter(|_| metadata.is_file())
}

/// Returns the identity of the file that is standard input; `None` for a pipe or a terminal.
#[cfg(unix)]
fn stdin() -> Option<FileIdentity> {
    use std::os::fd::AsFd as _;
    let file = File::from(io::stdin().as_fd().try_clone_to_owned().ok()?);
    of_file(Path::new(""), &file.metadata().ok()?)
}

#[cfg(not(unix))]
fn stdin() -> Option<FileIdentity> {
    None
}

/// Returns the path to which a file is really written: all symbolic links are followed. The file may be missing; its
/// folder must exist.
///
/// # Errors
/// Fails if the links form a loop or the folder does not exist.
pub fn destination(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        match fs::canonicalize(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            canonical => return canonical,
        }
        let folder = match path.parent() {
            Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
            Some(folder) => folder,
            None => return Err(io::ErrorKind::NotFound.into()),
        };
        let Ok(target) = fs::read_link(&path) else {
            let name = path.file_name().ok_or(io::ErrorKind::NotFound)?;
            return Ok(fs::canonicalize(folder)?.join(name));
        };
        path = folder.join(target);
    }
    Err(io::Error::other("too many levels of symbolic links"))
}
