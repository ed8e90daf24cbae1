//! What may stand at the cursor.

use callwright_engine::definitions::editor::complete::{Suggests, complete};
use gen_lsp_types::{
    CompletionItem, CompletionItemKind, Documentation, MarkupContent, MarkupKind, TextDocumentPositionParams,
    TextEdit,
};

use super::folders::Folders;
use super::position::Lines;

/// Characters after which clients ask by themselves.
pub const TRIGGERS: [&str; 9] = [" ", ".", "|", "{", "[", "\"", "'", "/", ":"];

pub fn completion(folders: &Folders, at: &TextDocumentPositionParams) -> Vec<CompletionItem> {
    let Some(spot) = folders.spot(at) else { return Vec::new() };
    let lines = Lines::new(spot.text, folders.unit);
    let found = complete(spot.project, &spot.path, spot.offset).into_iter().enumerate();
    found
        .map(|(index, found)| {
            let edit = TextEdit { range: lines.range(&found.replace), new_text: found.insert };
            let docs = found.docs.map(|value| MarkupContent { kind: MarkupKind::Markdown, value });
            CompletionItem {
                label: found.label,
                kind: Some(kind(found.kind)),
                detail: found.detail,
                documentation: docs.map(Documentation::MarkupContent),
                // Clients sort by this text: the most fitting stays first.
                sort_text: Some(format!("{index:04}")),
                text_edit: Some(edit.into()),
                ..CompletionItem::default()
            }
        })
        .collect()
}

fn kind(suggests: Suggests) -> CompletionItemKind {
    match suggests {
        Suggests::Key => CompletionItemKind::Property,
        Suggests::Word => CompletionItemKind::EnumMember,
        Suggests::Name => CompletionItemKind::Reference,
        Suggests::Variable => CompletionItemKind::Variable,
        Suggests::Filter => CompletionItemKind::Function,
    }
}
