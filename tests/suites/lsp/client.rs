//! Bare messages to the command, for what an editor never does.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

/// Longest wait for a message.
const ANSWERS_WITHIN: Duration = Duration::from_mins(1);

/// A running server. It is killed when it goes out of scope.
pub struct Client {
    child: Child,
    input: Option<ChildStdin>,
    messages: Receiver<Value>,
    /// Notifications that came while an answer was awaited.
    heard: VecDeque<Value>,
    next_id: i64,
    pub root: String,
    version: i64,
}

impl Client {
    /// Starts the server and leaves it without `initialize`.
    pub fn bare() -> Self {
        Self::with(&[])
    }

    fn with(options: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_callwright-under-test"))
            .arg("lsp")
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            let mut output = output;
            while let Some(message) = read(&mut output) {
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let input = child.stdin.take();
        Self { child, input, messages, heard: VecDeque::new(), next_id: 0, root: String::new(), version: 1 }
    }

    /// Starts the server for a folder.
    pub fn start(folder: &Path, capabilities: Value) -> (Self, Value) {
        Self::start_with(&[], folder, capabilities)
    }

    /// The same with options of the command.
    pub fn start_with(options: &[&str], folder: &Path, capabilities: Value) -> (Self, Value) {
        let mut client = Self::with(options);
        client.root = format!("file://{}", folder.display());
        let folders = json!([{ "uri": client.root, "name": "work" }]);
        let params = json!({ "processId": null, "rootUri": null, "workspaceFolders": folders, "capabilities": capabilities });
        let answer = client.request("initialize", params).unwrap();
        client.notify("initialized", json!({}));
        (client, answer)
    }

    pub fn uri(&self, path: &str) -> String {
        format!("{}/{path}", self.root)
    }

    /// Sends bytes as they are.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().unwrap();
        input.write_all(bytes).unwrap();
        input.flush().unwrap();
    }

    fn send(&mut self, message: &Value) {
        let text = message.to_string();
        self.send_raw(format!("Content-Length: {}\r\n\r\n{text}", text.len()).as_bytes());
    }

    pub fn notify(&mut self, method: &str, params: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    /// The result, or the error.
    pub fn request(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        self.next_id += 1;
        let id = self.next_id;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        loop {
            let message = self.receive();
            if message["id"] == id && message.get("method").is_none() {
                return message.get("result").cloned().ok_or_else(|| message["error"].clone());
            }
            self.heard.push_back(message);
        }
    }

    /// The next message of any kind.
    pub fn receive(&mut self) -> Value {
        self.messages.recv_timeout(ANSWERS_WITHIN).expect("the server answers")
    }

    /// A request about a place of a file.
    pub fn at(&mut self, method: &str, path: &str, line: usize, character: usize) -> Value {
        let uri = self.uri(path);
        let params =
            json!({ "textDocument": { "uri": uri }, "position": { "line": line, "character": character } });
        self.request(method, params).unwrap()
    }

    pub fn open(&mut self, path: &str, text: &str) {
        let uri = self.uri(path);
        let document = json!({ "uri": uri, "languageId": "yaml", "version": 1, "text": text });
        self.notify("textDocument/didOpen", json!({ "textDocument": document }));
    }

    /// Changes a document: its whole text, or a range of it.
    pub fn change(&mut self, path: &str, change: Value) {
        self.version += 1;
        let document = json!({ "uri": self.uri(path), "version": self.version });
        self.notify(
            "textDocument/didChange",
            json!({ "textDocument": document, "contentChanges": [change] }),
        );
    }

    /// The next problems that are published for a file.
    pub fn problems(&mut self, path: &str) -> Vec<Value> {
        let uri = self.uri(path);
        let is_it = |message: &Value| {
            message["method"] == "textDocument/publishDiagnostics" && message["params"]["uri"] == uri
        };
        loop {
            if let Some(index) = self.heard.iter().position(is_it) {
                let message = self.heard.remove(index).unwrap();
                return message["params"]["diagnostics"].as_array().unwrap().clone();
            }
            let message = self.receive();
            self.heard.push_back(message);
        }
    }

    /// Ends the stream and answers the exit code.
    pub fn end(mut self) -> Option<i32> {
        self.input = None;
        self.child.wait().unwrap().code()
    }

    /// `shutdown`, `exit`, and the exit code.
    pub fn leave(mut self) -> Option<i32> {
        assert_eq!(self.request("shutdown", Value::Null), Ok(Value::Null));
        self.notify("exit", Value::Null);
        self.child.wait().unwrap().code()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // An error only says that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(output: &mut impl BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.strip_prefix("Content-Length: ") {
            length = value.trim().parse().ok()?;
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    output.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}

/// Line and character (UTF-16) of the first `word` in a text.
pub fn place(text: &str, word: &str) -> (usize, usize) {
    let at = text.find(word).unwrap_or_else(|| panic!("{word} is not there"));
    let start = text[..at].rfind('\n').map_or(0, |line| line + 1);
    (text[..at].matches('\n').count(), text[start..at].encode_utf16().count())
}
