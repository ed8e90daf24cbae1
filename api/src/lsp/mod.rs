//! The language server: what editors show while definitions are typed (DEF-2, DEF-3). One file per ability; each turns a request
//! into a question to [`callwright_engine::definitions::editor`] and its answer into the protocol. What is known about the
//! language itself stands there, not here.

mod actions;
mod completion;
mod folders;
mod hover;
mod lifecycle;
mod navigation;
mod position;
mod preview;
mod publish;
mod rename;
mod server;
mod symbols;
mod wire;

pub use server::serve;
