//! The loop: one message after the other; problems are told as soon as no message waits.

use std::io::{self, BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{TryRecvError, channel};
use std::time::{Duration, Instant};

use callwright_engine::rules::Rules;
use gen_lsp_types::{
    DidChangeTextDocumentParams, DidChangeWorkspaceFoldersParams, DidCloseTextDocumentParams,
    DidOpenTextDocumentParams, TextDocumentContentChangeEvent,
};
use lsp_server::{ErrorCode, Message, Notification, Request, RequestId, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::folders::{Folders, path_of};
use super::lifecycle::{self, Client};
use super::position::Lines;
use super::publish::Published;
use super::wire::{self, Incoming};
use super::{actions, completion, hover, navigation, preview, rename, symbols};

/// While messages keep coming, problems wait no longer than this.
const PATIENCE: Duration = Duration::from_millis(50);

/// Serves one client until it says `exit` or goes away; answers whether it took its leave as the protocol wants.
pub fn serve(
    input: impl BufRead + Send + 'static,
    output: impl Write,
    rules: Arc<Rules>,
) -> io::Result<bool> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || wire::read_all(input, &sender));
    let mut server = Server::new(output, rules);
    loop {
        let incoming = match receiver.try_recv() {
            Ok(incoming) => incoming,
            Err(TryRecvError::Empty) => {
                server.publish()?;
                let Ok(incoming) = receiver.recv() else { return Ok(false) };
                incoming
            }
            Err(TryRecvError::Disconnected) => return Ok(false),
        };
        if let Some(is_proper) = server.take(incoming)? {
            return Ok(is_proper);
        }
        if server.changed_at.is_some_and(|changed| changed.elapsed() > PATIENCE) {
            server.publish()?;
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    New,
    Running,
    /// After `shutdown`: only `exit` may follow.
    Leaving,
}

struct Server<W> {
    output: W,
    phase: Phase,
    client: Client,
    folders: Folders,
    published: Published,
    /// When the first change arrived that has not been checked yet.
    changed_at: Option<Instant>,
    next_id: i32,
}

/// Why a request failed.
struct Failure(ErrorCode, String);

impl<W: Write> Server<W> {
    fn new(output: W, rules: Arc<Rules>) -> Self {
        Self {
            output,
            phase: Phase::New,
            client: Client::default(),
            folders: Folders::under(rules),
            published: Published::default(),
            changed_at: None,
            next_id: 0,
        }
    }

    /// Handles one message. `Some` when it was the last: whether `shutdown` came before.
    fn take(&mut self, incoming: Incoming) -> io::Result<Option<bool>> {
        match incoming {
            Incoming::Unreadable(why) => wire::write_parse_error(&mut self.output, &why)?,
            Incoming::Message(Message::Request(request)) => {
                let response = self.respond(request);
                wire::write(&mut self.output, &Message::Response(response))?;
            }
            Incoming::Message(Message::Notification(message)) if message.method == "exit" => {
                return Ok(Some(self.phase == Phase::Leaving));
            }
            Incoming::Message(Message::Notification(message)) => self.hear(message)?,
            // Answers to our own requests need no action.
            Incoming::Message(Message::Response(_)) => {}
        }
        Ok(None)
    }

    /// A fault of ours is an answer too; the next request finds the server alive.
    fn respond(&mut self, request: Request) -> Response {
        let Request { id, method, params } = request;
        let answered = catch_unwind(AssertUnwindSafe(|| self.answer(&method, params)));
        match answered {
            Ok(Ok(result)) => response(id, Ok(result)),
            Ok(Err(failure)) => response(id, Err(failure)),
            Err(_) => {
                tracing::error!(method, "a request could not be answered because of a fault in the server");
                response(id, Err(Failure(ErrorCode::InternalError, format!("a fault in `{method}`"))))
            }
        }
    }

    fn answer(&mut self, method: &str, params: Value) -> Result<Value, Failure> {
        match (self.phase, method) {
            (Phase::New, "initialize") => return self.initialize(&params),
            (Phase::New, _) => {
                return Err(Failure(ErrorCode::ServerNotInitialized, "`initialize` comes first".to_owned()));
            }
            (Phase::Leaving, _) | (Phase::Running, "initialize") => {
                return Err(Failure(ErrorCode::InvalidRequest, format!("`{method}` cannot be asked now")));
            }
            (Phase::Running, "shutdown") => {
                self.phase = Phase::Leaving;
                return Ok(Value::Null);
            }
            (Phase::Running, _) => {}
        }
        if matches!(
            method,
            "textDocument/hover" | "textDocument/codeAction" | "workspace/executeCommand" | preview::REQUEST
        ) {
            self.folders.refresh();
        }
        let folders = &self.folders;
        match method {
            "textDocument/completion" => ask(params, |at| Ok(completion::completion(folders, &at))),
            "textDocument/hover" => ask(params, |at| Ok(hover::hover(folders, &at))),
            "textDocument/definition" => ask(params, |at| Ok(navigation::definition(folders, &at))),
            "textDocument/references" => ask(params, |params| Ok(navigation::references(folders, &params))),
            "textDocument/prepareRename" => ask(params, |at| rename::prepare(folders, &at)),
            "textDocument/rename" => ask(params, |params| rename::rename(folders, &params)),
            "textDocument/documentSymbol" => ask(params, |params| Ok(symbols::outline(folders, &params))),
            "workspace/symbol" => ask(params, |params| Ok(symbols::search(folders, &params))),
            "textDocument/codeAction" => ask(params, |params| Ok(actions::actions(folders, &params))),
            "workspace/executeCommand" if params["command"] == preview::COMMAND => {
                ask(params["arguments"][0].clone(), |at| Ok(preview::preview(folders, &at)))
            }
            "workspace/executeCommand" => {
                Err(Failure(ErrorCode::InvalidParams, format!("there is no command {}", params["command"])))
            }
            preview::REQUEST => ask(params, |at| Ok(preview::preview(folders, &at))),
            other => Err(Failure(ErrorCode::MethodNotFound, format!("`{other}` is not known here"))),
        }
    }

    fn initialize(&mut self, params: &Value) -> Result<Value, Failure> {
        self.client = Client::read(params);
        self.folders.unit = self.client.unit;
        self.phase = Phase::Running;
        to_value(&lifecycle::answer(self.client.unit))
    }

    fn hear(&mut self, message: Notification) -> io::Result<()> {
        let Notification { method, params } = message;
        if self.phase != Phase::Running {
            return Ok(());
        }
        if method == "initialized" && self.client.watches_files {
            self.request("client/registerCapability", lifecycle::watch())?;
        }
        let heard = catch_unwind(AssertUnwindSafe(|| self.note(&method, params)));
        if !matches!(heard, Ok(Ok(()))) {
            tracing::error!(method, "a notification could not be understood");
        }
        Ok(())
    }

    /// Changes of documents and files.
    fn note(&mut self, method: &str, params: Value) -> Result<(), serde_json::Error> {
        match method {
            "initialized" => {
                for folder in std::mem::take(&mut self.client.folders) {
                    self.folders.add_folder(&folder);
                }
            }
            "textDocument/didOpen" => {
                let DidOpenTextDocumentParams { text_document: document } = serde_json::from_value(params)?;
                self.folders.open(&document.uri, document.version, document.text);
                self.published.await_for(&document.uri);
            }
            "textDocument/didChange" => {
                let change: DidChangeTextDocumentParams = serde_json::from_value(params)?;
                let unit = self.folders.unit;
                let document = change.text_document;
                let uri = document.text_document_identifier.uri;
                self.folders.change(&uri, document.version, |text| {
                    for edit in change.content_changes {
                        apply(text, edit, unit);
                    }
                });
                self.published.await_for(&uri);
            }
            "textDocument/didClose" => {
                let DidCloseTextDocumentParams { text_document: document } = serde_json::from_value(params)?;
                self.folders.close(&document.uri);
            }
            "textDocument/didSave" | "workspace/didChangeWatchedFiles" => self.folders.reload_all(),
            "workspace/didChangeWorkspaceFolders" => {
                let change: DidChangeWorkspaceFoldersParams = serde_json::from_value(params)?;
                for folder in change.event.added.iter().filter_map(|folder| path_of(&folder.uri)) {
                    self.folders.add_folder(&folder);
                }
            }
            _ => return Ok(()),
        }
        self.changed_at.get_or_insert_with(Instant::now);
        Ok(())
    }

    /// Tells what the changes since the last time mean.
    fn publish(&mut self) -> io::Result<()> {
        if self.changed_at.take().is_none() {
            return Ok(());
        }
        let news = catch_unwind(AssertUnwindSafe(|| {
            self.folders.refresh();
            self.published.news(&self.folders)
        }));
        for list in news.unwrap_or_default() {
            let note = Notification::new("textDocument/publishDiagnostics".to_owned(), list);
            wire::write(&mut self.output, &Message::Notification(note))?;
        }
        Ok(())
    }

    fn request(&mut self, method: &str, params: Value) -> io::Result<()> {
        self.next_id += 1;
        let request = Request::new(RequestId::from(self.next_id), method.to_owned(), params);
        wire::write(&mut self.output, &Message::Request(request))
    }
}

/// Reads the parameters, asks, and writes the answer.
fn ask<P: DeserializeOwned, R: Serialize>(
    params: Value,
    handle: impl FnOnce(P) -> Result<R, String>,
) -> Result<Value, Failure> {
    let params = serde_json::from_value(params)
        .map_err(|error| Failure(ErrorCode::InvalidParams, error.to_string()))?;
    let answer = handle(params).map_err(|why| Failure(ErrorCode::RequestFailed, why))?;
    to_value(&answer)
}

fn to_value(answer: &impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(answer).map_err(|error| Failure(ErrorCode::InternalError, error.to_string()))
}

fn response(id: RequestId, result: Result<Value, Failure>) -> Response {
    match result {
        Ok(result) => Response { id, response_result: Ok(result) },
        Err(Failure(code, message)) => Response::new_err(id, code as i32, message),
    }
}

fn apply(text: &mut String, edit: TextDocumentContentChangeEvent, unit: super::position::Unit) {
    match edit {
        TextDocumentContentChangeEvent::TextDocumentContentChangePartial(edit) => {
            let span = Lines::new(text, unit).span(edit.range);
            text.replace_range(span, &edit.text);
        }
        TextDocumentContentChangeEvent::TextDocumentContentChangeWholeDocument(edit) => *text = edit.text,
    }
}
