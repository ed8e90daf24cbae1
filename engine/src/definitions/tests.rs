//! Tests of the definitions as a whole: the shipped ones, and files with every kind of mistake.

use super::library::Library;
use super::{embedded, render};

#[test]
fn shipped_definitions_have_no_problems() {
    let (library, diagnostics) = Library::from_files(embedded::FILES.iter().copied());
    assert_eq!(render::terminal(&diagnostics, library.sources(), false), "");
    assert_eq!(library.bundles().count(), 6);
}
