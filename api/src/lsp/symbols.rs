//! The outline of a file, and the search for names in all of them.

use callwright_engine::definitions::editor::outline::{self, Is, Part};
use gen_lsp_types::{
    BaseSymbolInformation, DocumentSymbol, DocumentSymbolParams, SymbolKind, WorkspaceSymbol,
    WorkspaceSymbolParams,
};

use super::folders::Folders;
use super::position::Lines;

pub fn outline(folders: &Folders, params: &DocumentSymbolParams) -> Vec<DocumentSymbol> {
    let found = folders.place(&params.text_document.uri).and_then(|place| {
        let file = folders.projects.get(&place.root)?.file(&place.path)?;
        let lines = Lines::new(&file.text, folders.unit);
        outline::outline(file).map(|part| symbol(part, &lines))
    });
    found.into_iter().collect()
}

#[expect(deprecated, reason = "the type has a field that the protocol no longer uses")]
fn symbol(part: Part, lines: &Lines<'_>) -> DocumentSymbol {
    let children: Vec<DocumentSymbol> = part.parts.into_iter().map(|part| symbol(part, lines)).collect();
    let whole = part.span.start.min(part.name_span.start)..part.span.end.max(part.name_span.end);
    DocumentSymbol {
        // Clients refuse symbols without a name.
        name: if part.name.is_empty() { "…".to_owned() } else { part.name },
        detail: (!part.detail.is_empty()).then_some(part.detail),
        kind: kind(part.is),
        tags: None,
        deprecated: None,
        range: lines.range(&whole),
        selection_range: lines.range(&part.name_span),
        children: (!children.is_empty()).then_some(children),
    }
}

pub fn search(folders: &Folders, params: &WorkspaceSymbolParams) -> Vec<WorkspaceSymbol> {
    let all = folders.projects.iter().flat_map(|(root, project)| {
        outline::search(project, &params.query).into_iter().map(move |hit| (root, hit))
    });
    all.filter_map(|(root, hit)| {
        let location = folders.location(root, &hit.path, &hit.part.name_span)?;
        let container = (hit.owner != hit.part.name).then_some(hit.owner);
        Some(WorkspaceSymbol {
            location: location.into(),
            data: None,
            base_symbol_information: BaseSymbolInformation {
                name: hit.part.name,
                kind: kind(hit.part.is),
                tags: None,
                container_name: container,
            },
        })
    })
    .collect()
}

fn kind(is: Is) -> SymbolKind {
    match is {
        Is::File => SymbolKind::Module,
        Is::Step => SymbolKind::Function,
        Is::Arm => SymbolKind::Namespace,
        Is::Language => SymbolKind::Package,
        Is::Text => SymbolKind::String,
        Is::Answer => SymbolKind::EnumMember,
    }
}
