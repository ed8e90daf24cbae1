//! The files that `init` and `new` begin with.

use std::fs;
use std::path::Path;

use anyhow::Context;

use super::output;

/// Path below the folder, and text.
pub type Starter = (&'static str, &'static str);

/// Name of the first flow and cadence.
pub const NAME: &str = "hello";

pub const FLOW: [Starter; 3] = [
    ("flows/hello.yaml", include_str!("init/flow.yaml")),
    ("flows/scripts/hello.yaml", include_str!("init/script.yaml")),
    ("flows/hello.test.yaml", include_str!("init/flow.test.yaml")),
];
pub const CADENCE: [Starter; 2] = [
    ("cadences/hello.yaml", include_str!("init/cadence.yaml")),
    ("cadences/hello.test.yaml", include_str!("init/cadence.test.yaml")),
];

/// A starter under another name.
pub fn named(text: &str, name: &str) -> String {
    let keys = ["flow", "script", "cadence"];
    keys.iter().fold(text.to_owned(), |text, key| {
        text.replace(&format!("\n{key}: {NAME}\n"), &format!("\n{key}: {name}\n"))
    })
}

/// Writes files; when one exists already, none is written.
pub fn write(folder: &Path, files: &[Starter]) -> anyhow::Result<()> {
    let files: Vec<(String, String)> =
        files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    write_named(folder, &files)
}

/// Writes files; when one exists already, none is written.
pub fn write_named(folder: &Path, files: &[(String, String)]) -> anyhow::Result<()> {
    if let Some((path, _)) = files.iter().find(|(path, _)| folder.join(path).exists()) {
        anyhow::bail!("{} exists already; nothing was written", folder.join(path).display());
    }
    for (path, text) in files {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(|| format!("{} cannot be made", parent.display()))?;
        }
        fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
        output::print(&format!("wrote {}", path.display()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use callwright_engine::definitions::library::Library;
    use callwright_engine::definitions::render;
    use callwright_engine::testing;

    use super::*;

    /// Sound, silent, and with every step and outcome tested.
    fn is_good(files: &[(String, String)]) {
        let (library, problems) =
            Library::from_files(files.iter().map(|(path, text)| (path.as_str(), text.as_str())));
        assert!(problems.is_empty(), "{}", render::terminal(&problems, library.sources(), false));
        let report = testing::run(&library, |_, _| true);
        assert_eq!(report.failed(), 0, "{report:?}");
        for figures in report.coverage.figures(&library) {
            assert_eq!(figures.steps.0, figures.steps.1, "{figures:?}");
        }
    }

    #[test]
    fn the_first_definitions_are_without_fault_and_pass_their_tests() {
        let own = |files: &[Starter]| -> Vec<(String, String)> {
            files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
        };
        is_good(&[own(&FLOW), own(&CADENCE)].concat());
    }

    #[test]
    fn definitions_under_another_name_are_without_fault_too() {
        let named = |files: &[Starter]| -> Vec<(String, String)> {
            let call = format!("call: {NAME}\n");
            files
                .iter()
                .map(|(path, text)| {
                    (path.replace(NAME, "winback"), named(&text.replace(&call, "call: winback\n"), "winback"))
                })
                .collect()
        };
        is_good(&[named(&FLOW), named(&CADENCE)].concat());
    }
}
