//! What a script file may say.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::rules::DisclosureKind;

/// The words of a flow or a message, per language.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Script")]
pub struct RawScript {
    /// The script's name: what a flow's `script:` says.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9_-]*$"))]
    pub script: String,
    /// What the script is for, in a few words for people.
    pub title: Option<String>,
    /// Languages to try when a lead's own is missing, in order.
    #[schemars(extend("maxItems" = 4))]
    pub fallback: Option<Vec<String>>,
    /// What its texts tell the called person, by the text's name: `{ opening: [artificial-voice], may_stop: [automated-opt-out] }`.
    /// Whoever includes such a text tells it too. That a text names `campaign.company` (identity) or `agent.number`
    /// (callback-number) is seen without this.
    pub discloses: Option<BTreeMap<String, Vec<DisclosureKind>>>,
    /// Words by language code: `en`, `hi-Latn` (Hinglish), `gu`, …
    #[schemars(extend("minProperties" = 1))]
    pub languages: BTreeMap<String, RawWords>,
}

/// One language.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawWords {
    /// Texts to speak by name; `{{ lead.firstName }}` and the like are filled in.
    #[serde(default)]
    pub texts: BTreeMap<String, String>,
    /// Phrases that mean an answer, by the answer's name.
    #[serde(default)]
    pub answers: BTreeMap<String, Vec<String>>,
}
