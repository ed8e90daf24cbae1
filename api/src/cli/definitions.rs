//! Where commands take their definitions from: a folder with `flows/` and `cadences/`, or what ships with the binary.

use std::path::Path;

use callwright_engine::definitions::library::Library;

/// The library of a folder, or the shipped one. Definitions with errors stop the command: `check` explains them.
pub fn load(folder: Option<&Path>) -> anyhow::Result<Library> {
    let Some(folder) = folder else { return Ok(Library::embedded()) };
    let (library, problems) = Library::load(&folder.join("flows"), &folder.join("cadences"));
    let errors = problems.iter().filter(|problem| problem.is_error()).count();
    anyhow::ensure!(errors == 0, "{errors} errors in {0}: `callwright check {0}` explains them", folder.display());
    Ok(library)
}
