//! Definitions as authors meet them: what the compiler says about broken files, and what hostile files cost.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod broken;
mod explained;
mod folders;
mod hostile;
mod shipped;
