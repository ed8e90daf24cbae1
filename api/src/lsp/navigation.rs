//! Where a name is defined, and who refers to it.

use callwright_engine::definitions::editor::symbol::{self, Occurrence};
use gen_lsp_types::{Location, ReferenceParams, TextDocumentPositionParams};

use super::folders::Folders;

/// Of the name at a place: all definitions. A text has one per language.
pub fn definition(folders: &Folders, at: &TextDocumentPositionParams) -> Vec<Location> {
    places(folders, at, |each| each.is_definition)
}

pub fn references(folders: &Folders, params: &ReferenceParams) -> Vec<Location> {
    let with_definitions = params.context.include_declaration;
    places(folders, &params.text_document_position_params, |each| with_definitions || !each.is_definition)
}

fn places(
    folders: &Folders,
    at: &TextDocumentPositionParams,
    wanted: impl Fn(&Occurrence) -> bool,
) -> Vec<Location> {
    let Some(spot) = folders.spot(at) else { return Vec::new() };
    let Some(found) = symbol::at(spot.project, &spot.path, spot.offset) else { return Vec::new() };
    let all = symbol::all(spot.project, &found.symbol).into_iter().filter(wanted);
    all.filter_map(|each| folders.location(spot.root, &each.path, &each.span)).collect()
}
