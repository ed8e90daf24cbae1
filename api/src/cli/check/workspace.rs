//! Which files the paths of the command line mean: folders, one file among its neighbours, or standard input in its place.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context;
use callwright_engine::definitions::diagnostic::Diagnostic;
use callwright_engine::definitions::review::read_folders;

/// Files as (path relative to the workspace, text), and the one that is asked about.
#[derive(Debug)]
pub struct Target {
    pub files: Vec<(String, String)>,
    pub only: Option<String>,
    /// Folders that could not be read.
    pub problems: Vec<Diagnostic>,
}

impl Target {
    pub fn find(paths: &[PathBuf], stands_for: Option<&Path>) -> anyhow::Result<Self> {
        match (paths, stands_for) {
            ([only], Some(file)) if only.as_os_str() == "-" => {
                let mut text = String::new();
                std::io::stdin().read_to_string(&mut text).context("standard input cannot be read")?;
                Self::one(file, text)
            }
            (_, Some(_)) => anyhow::bail!("`--as FILE` belongs to `check -`, which reads standard input"),
            ([only], None) if only.as_os_str() == "-" => {
                anyhow::bail!("say which file standard input stands for: `check - --as flows/NAME.yaml`")
            }
            ([only], None) if only.is_file() => {
                let text = std::fs::read_to_string(only)
                    .with_context(|| format!("{} cannot be read", only.display()))?;
                Self::one(only, text)
            }
            _ => {
                let (flows, cadences) = folders(paths)?;
                let (files, problems) = read_folders(&flows, &cadences);
                Ok(Self { files, only: None, problems })
            }
        }
    }

    /// One file with the workspace around it; without a workspace it stands alone.
    fn one(file: &Path, text: String) -> anyhow::Result<Self> {
        let full = std::path::absolute(file).with_context(|| format!("{} is no path", file.display()))?;
        let holds = |folder: &&Path| folder.join("flows").is_dir() || folder.join("cadences").is_dir();
        let root = full.ancestors().skip(1).find(holds);
        let (mut files, problems) = match root {
            Some(root) => {
                let (files, problems) = read_folders(&root.join("flows"), &root.join("cadences"));
                // A workspace may hold only one of the two.
                (files, problems.into_iter().filter(|each| root.join(&each.file).is_dir()).collect())
            }
            None => (Vec::new(), Vec::new()),
        };
        let own = root.and_then(|root| full.strip_prefix(root).ok()).unwrap_or(file);
        let path =
            own.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/");
        files.retain(|(other, _)| *other != path);
        files.push((path.clone(), text));
        files.sort();
        Ok(Self { files, only: Some(path), problems })
    }
}

/// The two folders that the paths mean.
pub fn folders(paths: &[PathBuf]) -> anyhow::Result<(PathBuf, PathBuf)> {
    let here = PathBuf::from(".");
    let (mut flows, mut cadences) = (None, None);
    for path in if paths.is_empty() { std::slice::from_ref(&here) } else { paths } {
        let holds = |name: &str| path.join(name).is_dir();
        let is = |name: &str| path.file_name().is_some_and(|last| last == name);
        match () {
            () if is("flows") => flows = Some(path.clone()),
            () if is("cadences") => cadences = Some(path.clone()),
            () if holds("flows") || holds("cadences") => {
                flows = Some(path.join("flows"));
                cadences = Some(path.join("cadences"));
            }
            () => anyhow::bail!(
                "{} holds neither `flows/` nor `cadences/`; `callwright init` makes them",
                path.display()
            ),
        }
    }
    // One of the two alone is checked against its neighbour.
    let beside = |known: &Option<PathBuf>, name: &str| {
        known.as_deref().and_then(Path::parent).map(|parent| parent.join(name))
    };
    let flows_found = flows.clone().or_else(|| beside(&cadences, "flows"));
    let cadences_found = cadences.or_else(|| beside(&flows, "cadences"));
    flows_found.zip(cadences_found).ok_or_else(|| anyhow::anyhow!("name the folders `flows` and `cadences`"))
}
