//! What the word under the pointer is.

use callwright_engine::definitions::editor::hover;
use gen_lsp_types::{Contents, Hover, MarkupContent, MarkupKind, TextDocumentPositionParams};

use super::folders::Folders;
use super::position::Lines;

pub fn hover(folders: &Folders, at: &TextDocumentPositionParams) -> Option<Hover> {
    let spot = folders.spot(at)?;
    let found = hover::hover(spot.project, &spot.path, spot.offset)?;
    let contents = MarkupContent { kind: MarkupKind::Markdown, value: found.markdown };
    let range = Lines::new(spot.text, folders.unit).range(&found.span);
    Some(Hover { contents: Contents::MarkupContent(contents), range: Some(range) })
}
