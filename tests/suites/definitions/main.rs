//! Definitions as authors meet them: what the compiler says about broken files, and what hostile files cost.

mod broken;
mod explained;
mod hostile;
mod shipped;
