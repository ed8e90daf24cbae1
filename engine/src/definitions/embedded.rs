//! The shipped definitions, compiled into the binary so that it works from any folder. A test holds this list and the
//! folders together.

/// (relative path, text)
pub const FILES: &[(&str, &str)] = &[];
