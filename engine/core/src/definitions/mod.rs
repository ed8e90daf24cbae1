//! Definitions: YAML in, checked values out.
//!
//! ```text
//! text ─source─▶ tree ─schema─▶ raw ─compile─▶ model ─check─▶ library ─▶ bundle (pinned by content hash)
//! ```
//!
//! Mistakes of authors are [`diagnostic::Diagnostic`]s, all of them at once; errors are kept for broken infrastructure.
//! What a definition *does* at run time lives in `decide` (cadences) and `flow` (calls), not here.

pub mod bundle;
mod calendar_words;
pub mod check;
pub mod compile;
pub mod context;
pub mod diagnostic;
pub mod diff;
pub mod editor;
pub mod embedded;
pub mod explain;
pub mod expression;
mod filters;
pub mod graph;
pub mod language;
pub mod library;
pub mod model;
mod neighbours;
pub mod raw;
pub mod render;
pub mod review;
pub mod rule_files;
mod sandbox;
mod scalar;
pub mod schema;
mod schema_errors;
pub mod source;
pub mod template;
mod workspace;
mod yaml_errors;

#[cfg(test)]
mod template_tests;
#[cfg(test)]
mod tests;
