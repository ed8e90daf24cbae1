//! Beginning, end, and nonsense in between: the server answers an error and goes on.

use serde_json::{Value, json};

use super::client::Client;
use super::workspace::{FLOW, FLOW_PATH, workspace};

fn code(answer: Result<Value, Value>) -> i64 {
    answer.expect_err("an error")["code"].as_i64().unwrap()
}

#[test]
fn the_server_says_what_it_can() {
    let folder = workspace();
    let (client, answer) = Client::start(folder.path(), json!({}));
    let can = &answer["capabilities"];
    for ability in ["hover", "definition", "references", "documentSymbol", "workspaceSymbol"] {
        assert_eq!(can[format!("{ability}Provider")], true, "{ability}");
    }
    assert_eq!(can["renameProvider"]["prepareProvider"], true);
    assert_eq!(can["executeCommandProvider"]["commands"], json!(["callwright.preview"]));
    assert_eq!(can["positionEncoding"], "utf-16");
    assert_eq!(can["textDocumentSync"]["change"], 2);
    assert_eq!(answer["serverInfo"]["name"], "callwright");
    assert_eq!(client.leave(), Some(0));
}

#[test]
fn the_exit_code_tells_whether_the_client_took_its_leave() {
    let folder = workspace();
    let (client, _) = Client::start(folder.path(), json!({}));
    assert_eq!(client.leave(), Some(0));
    let (mut client, _) = Client::start(folder.path(), json!({}));
    client.notify("exit", Value::Null);
    assert_eq!(client.end(), Some(1));
    let (client, _) = Client::start(folder.path(), json!({}));
    assert_eq!(client.end(), Some(1));
}

#[test]
fn requests_out_of_turn_are_refused() {
    let mut client = Client::bare();
    assert_eq!(code(client.request("textDocument/hover", json!({}))), -32002);
    client.request("initialize", json!({ "capabilities": {} })).unwrap();
    assert_eq!(code(client.request("initialize", json!({ "capabilities": {} }))), -32600);
    client.request("shutdown", Value::Null).unwrap();
    assert_eq!(code(client.request("textDocument/hover", json!({}))), -32600);
}

#[test]
fn nonsense_is_answered_and_survived() {
    let folder = workspace();
    let (mut client, _) = Client::start(folder.path(), json!({}));
    client.send_raw(b"Content-Length: 9\r\n\r\n{\"what?\": ");
    let unreadable = loop {
        let message = client.receive();
        if message.get("error").is_some() {
            break message;
        }
    };
    assert_eq!((unreadable["error"]["code"].as_i64(), &unreadable["id"]), (Some(-32700), &Value::Null));
    client.send_raw(b"Content-Length: 99999999999999\r\n\r\n");
    assert_eq!(code(client.request("textDocument/flyToTheMoon", json!({}))), -32601);
    assert_eq!(code(client.request("textDocument/hover", json!({ "position": "here" }))), -32602);
    assert_eq!(code(client.request("workspace/executeCommand", json!({ "command": "format.disk" }))), -32602);
    client.notify("textDocument/didChange", json!({ "nothing": true }));
    client.notify("$/cancelRequest", json!({ "id": 7 }));
    let elsewhere = json!({ "textDocument": { "uri": "untitled:Untitled-1" }, "position": { "line": 1, "character": 1 } });
    assert_eq!(client.request("textDocument/hover", elsewhere), Ok(Value::Null));
    assert_eq!(client.leave(), Some(0));
}

#[test]
fn every_request_survives_every_half_written_file() {
    let folder = workspace();
    let (mut client, _) = Client::start(folder.path(), json!({}));
    client.open(FLOW_PATH, FLOW);
    let requests =
        ["completion", "hover", "definition", "prepareRename"].map(|name| format!("textDocument/{name}"));
    for at in (0..FLOW.len()).step_by(17) {
        client.change(FLOW_PATH, json!({ "text": &FLOW[..at] }));
        let line = FLOW[..at].matches('\n').count();
        let character = at - FLOW[..at].rfind('\n').map_or(0, |line| line + 1);
        for request in &requests {
            let uri = client.uri(FLOW_PATH);
            let params = json!({ "textDocument": { "uri": uri }, "position": { "line": line, "character": character } });
            let answer = client.request(request, params);
            let is_fault = answer.as_ref().is_err_and(|error| error["code"] == -32603);
            assert!(!is_fault, "{request} at {at}: {answer:?}");
        }
    }
    assert_eq!(client.leave(), Some(0));
}
