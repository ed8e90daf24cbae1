//! How a place sounds: the command and request `callwright.preview`, which both take a document and a position.

use callwright_engine::definitions::editor::preview::{self, Heard};
use gen_lsp_types::TextDocumentPositionParams;
use serde_json::{Value, json};

use super::folders::Folders;

/// The command's name.
pub const COMMAND: &str = "callwright.preview";
/// The same as a request of its own.
pub const REQUEST: &str = "callwright/preview";

/// `{ title, markdown, texts: [{ script, name, language, text | error }] }`, or null where nothing is said.
pub fn preview(folders: &Folders, at: &TextDocumentPositionParams) -> Value {
    let found = folders.spot(at).and_then(|spot| preview::preview(spot.project, &spot.path, spot.offset));
    let Some(found) = found else { return Value::Null };
    let texts: Vec<Value> = found
        .texts
        .iter()
        .map(|heard| {
            let (key, words) = words(heard);
            json!({ "script": heard.script, "name": heard.name, "language": heard.language, key: words })
        })
        .collect();
    let paragraphs = found
        .texts
        .iter()
        .map(|heard| format!("\n**{}** ({}): {}\n", heard.name, heard.language, words(heard).1));
    let markdown: String = std::iter::once(format!("# {}\n", found.title)).chain(paragraphs).collect();
    json!({ "title": found.title, "markdown": markdown, "texts": texts })
}

fn words(heard: &Heard) -> (&'static str, &str) {
    match &heard.text {
        Ok(text) => ("text", text),
        Err(why) => ("error", why),
    }
}
