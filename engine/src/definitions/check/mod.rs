//! Checks that look beyond one file's shape. Each stands in a file of its own that says what it protects.

use super::workspace::Workspace;

/// Runs every check; problems go to the workspace, and files with errors count as broken from then on.
pub(super) fn run(workspace: &mut Workspace) {
    let _ = workspace;
}
