//! What an editor asks while definitions are typed: what is at this place, what may stand here, where is it defined, who refers
//! to it. Text and byte offsets in, plain values out; the language server turns them into its protocol.
//!
//! ```text
//! text ─forgiving─▶ tree ─leaf─▶ word ─slot─▶ meaning ─symbol─▶ name ─▶ completion, hover, navigation, rename
//! ```
//!
//! Names are read from the trees, so that files in the middle of an edit still take part; only rendered texts need a script
//! that compiles.

pub mod code;
pub mod complete;
pub mod fixes;
mod flow_style;
pub mod forgiving;
pub mod hover;
pub mod leaf;
mod names;
pub mod outline;
pub mod preview;
pub mod project;
pub mod rename;
pub mod shape;
pub mod slot;
pub mod steps;
pub mod symbol;
pub mod vocabulary;

#[cfg(test)]
mod tests;
