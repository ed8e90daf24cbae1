//! The beginning: what a client can do, and what we can.

use std::path::PathBuf;

use gen_lsp_types::{
    ChangeNotifications, CodeActionKind, CodeActionOptions, CompletionOptions, ExecuteCommandOptions,
    InitializeResult, RenameOptions, ServerCapabilities, ServerInfo, TextDocumentSyncKind,
    TextDocumentSyncOptions, Uri, WorkspaceFoldersServerCapabilities, WorkspaceOptions,
};
use serde_json::{Value, json};

use super::folders::path_of;
use super::position::Unit;
use super::{completion, preview};

/// What a client says about itself, as far as we act on it. Read leniently: clients differ in what they leave out.
#[derive(Debug, Default)]
pub struct Client {
    pub unit: Unit,
    pub folders: Vec<PathBuf>,
    /// It watches files for us when asked.
    pub watches_files: bool,
}

impl Client {
    pub fn read(params: &Value) -> Self {
        let at = |pointer: &str| params.pointer(pointer).unwrap_or(&Value::Null);
        let units = at("/capabilities/general/positionEncodings").as_array().into_iter().flatten();
        let path = |uri: &Value| uri.as_str().and_then(|uri| path_of(&Uri(uri.to_owned())));
        let mut folders: Vec<PathBuf> = at("/workspaceFolders")
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|folder| path(&folder["uri"]))
            .collect();
        if folders.is_empty() {
            let root = path(at("/rootUri")).or_else(|| at("/rootPath").as_str().map(PathBuf::from));
            folders.extend(root);
        }
        let watches = at("/capabilities/workspace/didChangeWatchedFiles/dynamicRegistration");
        Self {
            unit: Unit::agreed(units.filter_map(Value::as_str)),
            folders,
            watches_files: watches == &Value::Bool(true),
        }
    }
}

pub fn answer(unit: Unit) -> InitializeResult {
    let sync = TextDocumentSyncOptions {
        open_close: Some(true),
        change: Some(TextDocumentSyncKind::Incremental),
        save: Some(true.into()),
        ..TextDocumentSyncOptions::default()
    };
    let completion = CompletionOptions {
        trigger_characters: Some(completion::TRIGGERS.map(str::to_owned).into()),
        ..CompletionOptions::default()
    };
    let actions = CodeActionOptions {
        code_action_kinds: Some(vec![CodeActionKind::QuickFix]),
        ..CodeActionOptions::default()
    };
    let folders = WorkspaceFoldersServerCapabilities {
        supported: Some(true),
        change_notifications: Some(ChangeNotifications::Bool(true)),
    };
    let capabilities = ServerCapabilities {
        position_encoding: Some(unit.kind()),
        text_document_sync: Some(sync.into()),
        completion_provider: Some(completion),
        hover_provider: Some(true.into()),
        definition_provider: Some(true.into()),
        references_provider: Some(true.into()),
        document_symbol_provider: Some(true.into()),
        workspace_symbol_provider: Some(true.into()),
        code_action_provider: Some(actions.into()),
        rename_provider: Some(
            RenameOptions { prepare_provider: Some(true), ..RenameOptions::default() }.into(),
        ),
        execute_command_provider: Some(ExecuteCommandOptions {
            commands: vec![preview::COMMAND.to_owned()],
            ..ExecuteCommandOptions::default()
        }),
        workspace: Some(WorkspaceOptions { workspace_folders: Some(folders), ..WorkspaceOptions::default() }),
        ..ServerCapabilities::default()
    };
    let version = Some(env!("CARGO_PKG_VERSION").to_owned());
    InitializeResult {
        capabilities,
        server_info: Some(ServerInfo { name: "callwright".to_owned(), version }),
    }
}

/// Asks the client to tell about files that others change.
pub fn watch() -> Value {
    let watchers = json!([{ "globPattern": "**/*.{yaml,yml}" }]);
    json!({ "registrations": [{
        "id": "definitions", "method": "workspace/didChangeWatchedFiles", "registerOptions": { "watchers": watchers },
    }] })
}
