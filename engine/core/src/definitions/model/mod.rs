//! Checked definitions: what a flow, a script and a cadence mean once they have been read and found correct.
//! Reading YAML, schemas and messages to authors live beside this module; nothing here knows a file or a line.

pub mod cadence;
pub mod flow;
pub mod script;
pub mod test;
