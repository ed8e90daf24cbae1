//! Tests of the definitions as a whole.
