//! `callwright init`: a folder with a first flow, its words and a cadence, ready for `check`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use super::output;

/// Makes a working folder with a first flow, script and cadence.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  callwright init my-outreach && callwright check my-outreach")]
pub struct InitArgs {
    /// Where; this folder when left out. Files that exist are never overwritten.
    #[arg(default_value = ".", value_name = "DIR")]
    folder: PathBuf,
}

const FILES: [(&str, &str); 3] = [
    ("flows/hello.yaml", include_str!("init/flow.yaml")),
    ("flows/scripts/hello.yaml", include_str!("init/script.yaml")),
    ("cadences/hello.yaml", include_str!("init/cadence.yaml")),
];

pub fn run(args: InitArgs) -> anyhow::Result<ExitCode> {
    if let Some((path, _)) = FILES.iter().find(|(path, _)| args.folder.join(path).exists()) {
        anyhow::bail!("{} exists already; nothing was written", args.folder.join(path).display());
    }
    for (path, text) in FILES {
        write(&args.folder.join(path), text)?;
        output::print(&format!("wrote {}", args.folder.join(path).display()));
    }
    output::note(&format!("Next: callwright check {}", args.folder.display()));
    Ok(ExitCode::SUCCESS)
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    }
    fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}

#[cfg(test)]
mod tests {
    use callwright_engine::definitions::library::Library;
    use callwright_engine::definitions::render;

    use super::FILES;

    #[test]
    fn the_first_definitions_are_without_fault() {
        let (library, problems) = Library::from_files(FILES);
        assert!(problems.is_empty(), "{}", render::terminal(&problems, library.sources(), false));
        assert!(library.bundle("hello").is_some());
    }
}
