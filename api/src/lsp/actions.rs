//! Fixes for problems that come with a suggestion, and hearing what a place says.

use callwright_engine::definitions::editor::fixes::fixes;
use callwright_engine::definitions::editor::preview::preview;
use gen_lsp_types::{CodeAction, CodeActionKind, CodeActionParams, Command};
use serde_json::json;

use super::folders::Folders;
use super::position::Lines;
use super::{preview, publish, rename};

pub fn actions(folders: &Folders, params: &CodeActionParams) -> Vec<CodeAction> {
    let Some(place) = folders.place(&params.text_document.uri) else { return Vec::new() };
    let Some((root, project)) = folders.projects.get_key_value(&place.root) else { return Vec::new() };
    let Some(text) = project.text(&place.path) else { return Vec::new() };
    let lines = Lines::new(text, folders.unit);
    let touched = lines.span(params.range);
    let wanted = |kind: &CodeActionKind| params.context.only.as_ref().is_none_or(|only| only.contains(kind));
    let mut actions = Vec::new();
    if wanted(&CodeActionKind::QuickFix) {
        actions.extend(fixes(project, &place.path, &touched).into_iter().map(|fix| CodeAction {
            title: fix.title,
            kind: Some(CodeActionKind::QuickFix),
            diagnostics: Some(vec![publish::diagnostic(&fix.problem, &lines)]),
            is_preferred: Some(true),
            edit: Some(rename::workspace_edit(folders, root, [fix.edit])),
            ..CodeAction::default()
        }));
    }
    if params.context.only.is_none() && preview(project, &place.path, touched.start).is_some() {
        let at =
            json!({ "textDocument": { "uri": params.text_document.uri }, "position": params.range.start });
        let title = "Show how this sounds".to_owned();
        let command = Command {
            title: title.clone(),
            tooltip: None,
            command: preview::COMMAND.to_owned(),
            arguments: Some(vec![at]),
        };
        actions.push(CodeAction { title, command: Some(command), ..CodeAction::default() });
    }
    actions
}
