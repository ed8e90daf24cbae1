//! Which calling rules are checked, and by which the definitions are: those of `--rules`, and what the paths name.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use callwright_engine::definitions::rule_files::{self, RuleReview};
use callwright_engine::rules::{Profile, Rules};

use crate::cli::rules::RulesArgs;

/// The rules of one check.
pub struct Law {
    /// What is left of the paths for definitions; `None`: only rules were asked about.
    pub definitions: Option<Vec<PathBuf>>,
    pub review: RuleReview,
    /// The one rule file that is asked about.
    pub only: Option<String>,
    profile: Profile,
}

impl Law {
    pub fn find(paths: &[PathBuf], stands_for: Option<&Path>, args: &RulesArgs) -> anyhow::Result<Self> {
        let (named, others): (Vec<&PathBuf>, Vec<&PathBuf>) =
            paths.iter().partition(|path| means_rules(path, stands_for));
        let definitions =
            (named.is_empty() || !others.is_empty()).then(|| others.into_iter().cloned().collect());
        let (mut files, mut only) = (Vec::new(), None);
        for path in named {
            if path.is_dir() {
                files.extend(read_folder(path)?);
            } else {
                let (all, own) = among_neighbours(stands_for.unwrap_or(path), path)?;
                files.extend(all);
                only = Some(own);
            }
        }
        if let Some(folder) = &args.rules {
            let known: Vec<String> = files.iter().map(|(path, _)| path.clone()).collect();
            files.extend(read_folder(folder)?.into_iter().filter(|(path, _)| !known.contains(path)));
        }
        let review = rule_files::review(files.iter().map(|(path, text)| (path.as_str(), text.as_str())));
        let law = Self { definitions, review, only, profile: args.rules_profile.clone() };
        if law.definitions.is_none() {
            // An unknown profile is an error even where no definition is judged by it.
            law.rules()?;
        }
        Ok(law)
    }

    /// What the definitions are judged by: the shipped rules while the operator's have errors.
    pub fn rules(&self) -> anyhow::Result<Arc<Rules>> {
        if self.review.has_errors() || (self.review.files == 0 && self.profile.is_strict()) {
            return Ok(Rules::shipped());
        }
        let rules = self.review.rules(&self.profile);
        Ok(Arc::new(rules.map_err(|problem| anyhow::anyhow!("{problem} (--rules-profile)"))?))
    }
}

/// A folder of rules is called so or holds nothing else; a file begins like one.
fn means_rules(path: &Path, stands_for: Option<&Path>) -> bool {
    if path.as_os_str() == "-" {
        let parent = stands_for.and_then(Path::parent).and_then(Path::file_name);
        return parent.is_some_and(|name| name == "rules");
    }
    if path.is_dir() {
        let is_called_so = path.file_name().is_some_and(|name| name == "rules");
        let holds = |name: &str| path.join(name).is_dir();
        let is_of_definitions = ["flows", "cadences"].iter().any(|name| holds(name) || path.ends_with(name));
        return is_called_so
            || (!is_of_definitions
                && rule_files::read_folder(path)
                    .is_ok_and(|files| files.iter().any(|(_, text)| rule_files::is_one(text))));
    }
    std::fs::read_to_string(path).is_ok_and(|text| rule_files::is_one(&text))
}

fn read_folder(folder: &Path) -> anyhow::Result<Vec<(String, String)>> {
    rule_files::read_folder(folder).with_context(|| format!("{} cannot be read", folder.display()))
}

/// One file with the rule files beside it, and how messages name it.
fn among_neighbours(file: &Path, source: &Path) -> anyhow::Result<(Vec<(String, String)>, String)> {
    let text = if source.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("standard input cannot be read")?;
        text
    } else {
        std::fs::read_to_string(source).with_context(|| format!("{} cannot be read", source.display()))?
    };
    let full = std::path::absolute(file).with_context(|| format!("{} is no path", file.display()))?;
    let name = full.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let folder = full.parent().unwrap_or(&full);
    let shown = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let own = format!("{shown}/{name}");
    let mut files = rule_files::read_folder(folder).unwrap_or_default();
    files.retain(|(path, text)| *path != own && rule_files::is_one(text));
    files.push((own.clone(), text));
    files.sort();
    Ok((files, own))
}
