//! Another name, everywhere at once.

use std::collections::HashMap;
use std::path::Path;

use callwright_engine::definitions::editor::rename::{self, Edit};
use gen_lsp_types::{
    PrepareRenamePlaceholder, RenameParams, TextDocumentPositionParams, TextEdit, Uri, WorkspaceEdit,
};

use super::folders::Folders;
use super::position::Lines;

/// What would be renamed; an error says why it may not be.
pub fn prepare(
    folders: &Folders,
    at: &TextDocumentPositionParams,
) -> Result<Option<PrepareRenamePlaceholder>, String> {
    let Some(spot) = folders.spot(at) else { return Ok(None) };
    let found = rename::prepare(spot.project, &spot.path, spot.offset)?;
    Ok(found.map(|(span, placeholder)| {
        let range = Lines::new(spot.text, folders.unit).range(&span);
        PrepareRenamePlaceholder { range, placeholder }
    }))
}

pub fn rename(folders: &Folders, params: &RenameParams) -> Result<Option<WorkspaceEdit>, String> {
    let Some(spot) = folders.spot(&params.text_document_position_params) else { return Ok(None) };
    let edits = rename::rename(spot.project, &spot.path, spot.offset, &params.new_name)?;
    Ok(Some(workspace_edit(folders, spot.root, edits)))
}

/// Edits by file as the protocol says them.
pub fn workspace_edit(
    folders: &Folders,
    root: &Path,
    edits: impl IntoIterator<Item = Edit>,
) -> WorkspaceEdit {
    let mut changes: HashMap<Uri, Vec<TextEdit>> = HashMap::new();
    for edit in edits {
        if let Some(at) = folders.location(root, &edit.path, &edit.span) {
            changes.entry(at.uri).or_default().push(TextEdit { range: at.range, new_text: edit.text });
        }
    }
    WorkspaceEdit { changes: Some(changes), ..WorkspaceEdit::default() }
}
