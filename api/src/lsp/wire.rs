//! Messages on the wire: `Content-Length` headers and JSON. What cannot be read is answered, and reading goes on.

use std::io::{self, BufRead, Write};
use std::sync::mpsc::Sender;

use lsp_server::{ErrorCode, Message};
use serde_json::{Value, json};

/// Longest message that is read; a definition file has at most 1 MiB.
const LONGEST: usize = 64 << 20;

/// What arrives.
#[derive(Debug)]
pub enum Incoming {
    Message(Message),
    /// Bytes that are no message, and why.
    Unreadable(String),
}

/// Reads until the client ends the stream or says `exit`, or nobody listens any more.
pub fn read_all(mut input: impl BufRead, to: &Sender<Incoming>) {
    loop {
        let incoming = match read_text(&mut input) {
            Ok(Some(text)) => match serde_json::from_slice::<Message>(&text) {
                Ok(message) => Incoming::Message(message),
                Err(error) => Incoming::Unreadable(format!("this is no message: {error}")),
            },
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                Incoming::Unreadable(error.to_string())
            }
            Ok(None) | Err(_) => return,
        };
        let is_last = matches!(&incoming, Incoming::Message(Message::Notification(message)) if message.method == "exit");
        if to.send(incoming).is_err() || is_last {
            return;
        }
    }
}

/// The body of the next message; `None` at the end of the stream.
fn read_text(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut length = None;
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        let header = String::from_utf8_lossy(&line);
        let header = header.trim();
        if header.is_empty() {
            break;
        }
        if let Some((_, value)) =
            header.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        {
            length = value.trim().parse::<usize>().ok();
        }
    }
    let wrong = |words: &str| io::Error::new(io::ErrorKind::InvalidData, words.to_owned());
    let length = length.ok_or_else(|| wrong("a message needs a `Content-Length` header"))?;
    if length > LONGEST {
        return Err(wrong("the message is too long"));
    }
    let mut body = vec![0; length];
    input.read_exact(&mut body)?;
    Ok(Some(body))
}

/// Writes a message at once: a client waits for it.
pub fn write(output: &mut impl Write, message: &Message) -> io::Result<()> {
    message.write(output)?;
    output.flush()
}

/// Answers something whose id is not known.
pub fn write_parse_error(output: &mut impl Write, why: &str) -> io::Result<()> {
    let error = json!({ "code": ErrorCode::ParseError as i32, "message": why });
    let text = json!({ "jsonrpc": "2.0", "id": Value::Null, "error": error }).to_string();
    write!(output, "Content-Length: {}\r\n\r\n{text}", text.len())?;
    output.flush()
}
