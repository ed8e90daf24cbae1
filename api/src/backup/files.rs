//! Files that appear whole or not at all, and that only their owner may read.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// A new, empty file of mode 0600; one left over from an attempt that died is replaced.
pub fn create_private(path: &Path) -> io::Result<File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)
}

/// The name under which a file is written before it is complete.
pub fn partial(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".partial");
    path.with_file_name(name)
}

/// Gives a complete file its name, for good.
pub fn publish(partial: &Path, path: &Path) -> io::Result<()> {
    File::open(partial)?.sync_all()?;
    std::fs::rename(partial, path)?;
    sync_folder(path)
}

/// The names in the folder of `path` outlive a power cut.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Writes a small file whole.
pub fn write(path: &Path, text: &str) -> io::Result<()> {
    let partial = partial(path);
    let mut file = create_private(&partial)?;
    file.write_all(text.as_bytes())?;
    publish(&partial, path)
}

/// Length and SHA-256 of a file; `tell` hears how many bytes have been read.
pub fn digest(path: &Path, tell: &dyn Fn(u64)) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    let mut read = 0;
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok((read, hex::encode(hash.finalize())));
        }
        hash.update(&buffer[..count]);
        read += count as u64;
        tell(read);
    }
}

/// Copies bytes into a file of mode 0600.
pub fn copy_private(from: &Path, to: &Path, tell: &dyn Fn(u64)) -> io::Result<()> {
    let (mut source, mut target) = (File::open(from)?, create_private(to)?);
    let mut buffer = vec![0; 1 << 18];
    let mut copied = 0;
    loop {
        let count = source.read(&mut buffer)?;
        if count == 0 {
            return target.sync_all();
        }
        target.write_all(&buffer[..count])?;
        copied += count as u64;
        tell(copied);
    }
}
