//! Which calling rules a command goes by: the shipped ones, the operator's over them, and under which profile.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use callwright_engine::definitions::render;
use callwright_engine::definitions::rule_files::{self, RuleReview};
use callwright_engine::rules::{Profile, Rules};
use clap::Args;

use super::output;

/// Where the operator's rules are, and which reading of the law holds.
#[derive(Debug, Clone, Default, Args)]
pub struct RulesArgs {
    /// Folder with calling rules of your own, laid over the shipped ones; they may add and narrow. `callwright check FOLDER`
    /// checks them, `callwright schema rules` prints their shape.
    #[arg(long, value_name = "FOLDER", env = "CALLWRIGHT_RULES")]
    pub rules: Option<PathBuf>,
    /// Which reading of the law holds: `strict`, `federal-only` (in the United States the federal rules alone), or a profile
    /// that your own files name. Recorded with every decision.
    #[arg(
        long,
        value_name = "NAME",
        env = "CALLWRIGHT_RULES_PROFILE",
        default_value = Profile::STRICT,
        value_parser = profile
    )]
    pub rules_profile: Profile,
}

fn profile(text: &str) -> Result<Profile, String> {
    text.parse().map_err(|error: callwright_engine::rules::ProfileError| error.to_string())
}

impl RulesArgs {
    /// The rules. One mistake in the operator's files refuses them all: nobody is called by half of the law.
    pub fn load(&self) -> anyhow::Result<Arc<Rules>> {
        let review = self.review()?;
        if review.has_errors() {
            let told = render::terminal(&review.diagnostics, &review.sources, false);
            output::note(&told);
            let folder = self.rules.as_deref().unwrap_or_else(|| std::path::Path::new("."));
            anyhow::bail!(
                "the calling rules in {} have errors (--rules, CALLWRIGHT_RULES)",
                folder.display()
            );
        }
        if self.rules.is_none() && self.rules_profile.is_strict() {
            return Ok(Rules::shipped());
        }
        review
            .rules(&self.rules_profile)
            .map(Arc::new)
            .map_err(|problem| anyhow::anyhow!("{problem} (--rules-profile, CALLWRIGHT_RULES_PROFILE)"))
    }

    /// What there is to say about the operator's files; nothing without any.
    pub fn review(&self) -> anyhow::Result<RuleReview> {
        let Some(folder) = &self.rules else { return Ok(RuleReview::default()) };
        let files = rule_files::read_folder(folder).with_context(|| {
            format!("the calling rules in {} cannot be read (--rules, CALLWRIGHT_RULES)", folder.display())
        })?;
        Ok(rule_files::review(files.iter().map(|(path, text)| (path.as_str(), text.as_str()))))
    }
}

/// Says at the start of a process by which rules it calls.
pub fn announce(rules: &Rules) {
    let (version, profile) = (rules.version(), rules.profile());
    if profile.is_strict() {
        tracing::info!(version, %profile, "calling rules");
    } else {
        tracing::warn!(version, %profile, "calling rules are not the strict ones; every decision records it");
    }
}
