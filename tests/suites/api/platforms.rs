//! Voice platforms that are sent the package: a fake one on loopback takes it, doubts it, refuses it, and calls back.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Request, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use callwright_api::http::{Access, App, router};
use callwright_engine::domain::attempt::AttemptState;
use callwright_engine::id::AttemptId;
use callwright_engine::provider::{Deadline, PlaceRequest, Placement, Provider};
use callwright_engine::store::attempt::{self, Attempt};
use callwright_workers::bell::Bell;
use callwright_workers::provider::omnidim::{Omnidim, OmnidimOptions};
use callwright_workers::provider::package_webhook::{PackageWebhook, WebhookOptions};
use callwright_workers::provider::signature;
use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tower::ServiceExt;
use url::Url;

use crate::desk::{Desk, Reply};
use crate::triggers::{call, shop};

const SECRET: &[u8] = b"between us and the platform";
const TOKEN: &str = "a-token-that-nobody-guesses";

/// One request that the platform saw.
#[derive(Debug, Clone)]
struct Heard {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Heard {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// What the platform does with a request, once it has seen it.
#[derive(Debug, Clone)]
enum Manner {
    Answers(u16, Value),
    /// In other words than JSON.
    Mumbles,
    /// Asks to be left alone for so many seconds.
    Rests(u32),
    Hangs,
}

#[derive(Debug)]
struct Peer {
    url: Url,
    state: Arc<Line>,
}

#[derive(Debug)]
struct Line {
    manner: Mutex<Manner>,
    heard: Mutex<Vec<Heard>>,
}

async fn hear(
    State(line): State<Arc<Line>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    line.heard.lock().unwrap().push(Heard {
        method,
        path: uri.path().to_owned(),
        headers,
        body: body.to_vec(),
    });
    let manner = line.manner.lock().unwrap().clone();
    match manner {
        Manner::Answers(status, body) => (StatusCode::from_u16(status).unwrap(), Json(body)).into_response(),
        Manner::Mumbles => "taken".into_response(),
        Manner::Rests(seconds) => {
            (StatusCode::TOO_MANY_REQUESTS, [("retry-after", seconds.to_string())]).into_response()
        }
        Manner::Hangs => std::future::pending().await,
    }
}

impl Peer {
    async fn open(manner: Manner) -> Self {
        let state = Arc::new(Line { manner: Mutex::new(manner), heard: Mutex::default() });
        let app = Router::new().fallback(hear).with_state(Arc::clone(&state));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}/voice/calls", listener.local_addr().unwrap())).unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, state }
    }

    async fn taking() -> Self {
        Self::open(Manner::Answers(200, json!({"callId": "c-1"}))).await
    }

    fn now(&self, manner: Manner) {
        *self.state.manner.lock().unwrap() = manner;
    }

    fn heard(&self) -> Vec<Heard> {
        self.state.heard.lock().unwrap().clone()
    }

    fn provider(&self) -> PackageWebhook {
        let timeout = Duration::from_millis(400);
        let options = WebhookOptions { url: self.url.clone(), secret: SECRET.to_vec(), timeout };
        PackageWebhook::new(options).unwrap()
    }

    fn omnidim(&self) -> Omnidim {
        Omnidim::new(OmnidimOptions {
            url: self.url.join("/api/v1").unwrap(),
            key: "account-key".to_owned(),
            agent_id: 42,
            from_number_id: Some(7),
            callback_token: TOKEN.to_owned(),
            timeout: Duration::from_millis(400),
        })
        .unwrap()
    }
}

/// HMAC-SHA-256 as RFC 2104 writes it, with nothing of ours in it.
fn hmac(key: &[u8], message: &[u8]) -> String {
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let with = |pad: u8| block.map(|byte| byte ^ pad);
    let inner = Sha256::new().chain_update(with(0x36)).chain_update(message).finalize();
    let outer = Sha256::new().chain_update(with(0x5c)).chain_update(inner).finalize();
    outer.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// A call that is queued, claimed, and about to be asked for.
async fn claimed(desk: &Desk, provider: &dyn Provider) -> PlaceRequest {
    desk.post("/api/campaigns/trigger-call", call()).await.ok();
    assert_eq!(desk.engine.plan(10).await.unwrap().planned, 1);
    let mut claimed = desk.engine.claim(10, provider, "test").await.unwrap();
    claimed.requests.pop().expect("a call that may be made")
}

async fn attempt_of(desk: &Desk, id: AttemptId) -> Attempt {
    let mut tx = desk.engine.db.begin_read().await.unwrap();
    attempt::by_ids_unlocked(&mut tx, &[id]).await.unwrap().pop().expect("the attempt")
}

/// The same API, hearing this platform.
fn hearing(mut desk: Desk, change: impl FnOnce(App) -> App) -> Desk {
    let app = App::new(Arc::clone(&desk.engine), Access::Keys, Bell::new());
    desk.app = router(change(app));
    desk
}

fn webhook_desk(desk: Desk) -> Desk {
    hearing(desk, |app| app.with_carrier_secret(SECRET).with_carrier_name(PackageWebhook::NAME))
}

async fn raw(desk: &Desk, path: &str) -> Vec<u8> {
    let request = Request::get(path).header("authorization", format!("Bearer {}", desk.key));
    let response = desk.app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()
}

/// How often this happened.
async fn events(desk: &Desk, kind: &str) -> usize {
    let found = desk.get(&format!("/api/v1/crm/events?eventType={kind}")).await.ok();
    found["items"].as_array().map_or(0, Vec::len)
}

/// A callback of the platform, signed by the other implementation.
async fn callback(desk: &Desk, attempt: AttemptId, event: Value) -> Reply {
    let mut body = json!({"attemptId": attempt, "callId": "c-1", "at": crate::desk::NOON});
    body.as_object_mut().unwrap().extend(event.as_object().unwrap().clone());
    let (body, seconds) = (body.to_string(), Utc::now().timestamp());
    let digest = hmac(SECRET, format!("{seconds}.{body}").as_bytes());
    let request = Request::post("/callbacks/carrier")
        .header(signature::HEADER, format!("t={seconds},v1={digest}"))
        .body(Body::from(body));
    desk.request(request.unwrap()).await
}

#[tokio::test]
async fn a_platform_is_sent_the_package_byte_by_byte_and_signed() {
    let (desk, peer) = (shop().await, Peer::taking().await);
    let provider = peer.provider();
    let request = claimed(&desk, &provider).await;
    let id = request.attempt_id;
    let report = desk.engine.place(&provider, vec![request]).await.unwrap();
    assert_eq!(report.accepted, 1);
    let [heard] = &peer.heard()[..] else { panic!("{:?}", peer.heard()) };
    assert_eq!((&heard.method, heard.path.as_str()), (&Method::POST, "/voice/calls"));
    assert_eq!(heard.body, raw(&desk, &format!("/api/v1/calls/{id}/package")).await);
    assert!(String::from_utf8_lossy(&heard.body).contains("\"savings_amount\":150.00"), "{:?}", heard.json());
    assert_eq!(heard.header("idempotency-key"), id.to_string());
    assert_eq!(heard.header("content-type"), "application/json");
    let (time, digest) = heard.header(signature::HEADER).split_once(",v1=").unwrap();
    let seconds: i64 = time.strip_prefix("t=").unwrap().parse().unwrap();
    assert!((Utc::now().timestamp() - seconds).abs() < 60);
    let signed = [format!("{seconds}.").as_bytes(), &heard.body].concat();
    assert_eq!(digest, hmac(SECRET, &signed));
    let placed = attempt_of(&desk, id).await;
    assert_eq!((placed.state, placed.provider_call_id.as_deref()), (AttemptState::Placed, Some("c-1")));
}

#[tokio::test]
async fn what_a_platform_answers_means_yes_no_or_that_nobody_knows() {
    let (desk, peer) = (shop().await, Peer::taking().await);
    let request = claimed(&desk, &peer.provider()).await;
    let accepted = |id: &str| Placement::Accepted { provider_call_id: id.to_owned() };
    for (manner, id) in [
        (Manner::Answers(200, json!({"callId": "c-7", "queue": 3})), "c-7"),
        (Manner::Answers(201, json!({"callId": "c-8"})), "c-8"),
    ] {
        peer.now(manner);
        assert_eq!(peer.provider().place(vec![request.clone()]).await, [accepted(id)]);
    }
    let doubtful = [
        Manner::Answers(200, json!({})),
        Manner::Answers(200, json!({"callId": ""})),
        Manner::Answers(200, json!({"callId": 7})),
        Manner::Answers(302, json!({})),
        Manner::Answers(408, json!({})),
        Manner::Answers(500, json!({"callId": "c-9"})),
        Manner::Mumbles,
        Manner::Hangs,
    ];
    for manner in doubtful {
        peer.now(manner.clone());
        let placement = peer.provider().place(vec![request.clone()]).await.remove(0);
        assert!(matches!(placement, Placement::Unknown { .. }), "{manner:?}: {placement:?}");
    }
    for status in [400, 401, 404, 409, 422] {
        peer.now(Manner::Answers(status, json!({"error": "no"})));
        let placement = peer.provider().place(vec![request.clone()]).await.remove(0);
        assert!(matches!(placement, Placement::Refused { retry: false, .. }), "{status}: {placement:?}");
    }
    // Nobody listens: no call can follow.
    let nobody = Peer::taking().await.url;
    let options = WebhookOptions {
        url: Url::parse("http://127.0.0.1:9/").unwrap(),
        secret: SECRET.to_vec(),
        timeout: Duration::from_millis(400),
    };
    assert_ne!(nobody, options.url);
    let placement = PackageWebhook::new(options).unwrap().place(vec![request]).await.remove(0);
    assert!(matches!(placement, Placement::Refused { retry: true, .. }), "{placement:?}");
}

#[tokio::test]
async fn a_platform_that_asks_for_rest_is_left_alone() {
    let (desk, peer) = (shop().await, Peer::open(Manner::Rests(30)).await);
    let provider = peer.provider();
    let request = claimed(&desk, &provider).await;
    for _ in 0..3 {
        let placement = provider.place(vec![request.clone()]).await.remove(0);
        let Placement::Busy { after, .. } = placement else { panic!("{placement:?}") };
        assert!(after > TimeDelta::seconds(20) && after <= TimeDelta::seconds(30), "{after}");
    }
    assert_eq!(peer.heard().len(), 1);
}

#[tokio::test]
async fn nothing_is_sent_after_the_permit_or_about_people_who_are_made_up() {
    let (desk, peer) = (shop().await, Peer::taking().await);
    let provider = peer.provider();
    let request = claimed(&desk, &provider).await;
    let late = PlaceRequest { deadline: Deadline::after(Duration::ZERO), ..request.clone() };
    let mut made_up = request.clone();
    made_up.package.synthetic = true;
    let mut bare = request.clone();
    bare.package.complete = None;
    let placements = provider.place(vec![late, made_up, bare, request]).await;
    assert!(matches!(&placements[0], Placement::NotSent { .. }), "{placements:?}");
    assert!(matches!(&placements[1], Placement::Refused { retry: false, .. }), "{placements:?}");
    assert!(matches!(&placements[2], Placement::Refused { retry: false, .. }), "{placements:?}");
    assert!(matches!(&placements[3], Placement::Accepted { .. }), "{placements:?}");
    let sent: Vec<Heard> = peer.heard().into_iter().filter(|heard| !heard.body.is_empty()).collect();
    assert_eq!(sent.len(), 1);
}

#[tokio::test]
async fn a_lost_answer_is_settled_by_the_callback_and_never_asked_again() {
    let (desk, peer) = (webhook_desk(shop().await), Peer::open(Manner::Hangs).await);
    let provider = peer.provider();
    let request = claimed(&desk, &provider).await;
    let id = request.attempt_id;
    assert_eq!(desk.engine.place(&provider, vec![request]).await.unwrap().unknown, 1);
    assert_eq!(attempt_of(&desk, id).await.state, AttemptState::Unknown);
    // It cannot be looked up, and it is not asked for again.
    desk.engine.reconcile(&provider, 10).await.unwrap();
    assert_eq!((attempt_of(&desk, id).await.state, peer.heard().len()), (AttemptState::Unknown, 1));
    callback(&desk, id, json!({"event": "ringing"})).await.ok();
    let known = attempt_of(&desk, id).await;
    assert_eq!((known.state, known.provider_call_id.as_deref()), (AttemptState::Placed, Some("c-1")));
}

#[tokio::test]
async fn the_report_of_a_call_moves_its_cadence_once_however_often_it_comes() {
    let (desk, peer) = (webhook_desk(shop().await), Peer::taking().await);
    let provider = peer.provider();
    let request = claimed(&desk, &provider).await;
    let id = request.attempt_id;
    desk.engine.place(&provider, vec![request]).await.unwrap();
    let odd = json!({"event": "ended", "status": "completed", "report": {"disposition": "Great!"}});
    assert_eq!(callback(&desk, id, odd).await.status, StatusCode::BAD_REQUEST);
    let ended = json!({
        "event": "ended", "status": "completed", "talkS": 42,
        "report": {"disposition": "accepted", "transcript": [{"agent": "Shall I?"}, {"callee": "Yes."}]},
    });
    for _ in 0..3 {
        callback(&desk, id, ended.clone()).await.ok();
    }
    let done = attempt_of(&desk, id).await;
    assert_eq!((done.state, done.outcome.as_deref()), (AttemptState::Finished, Some("converted")));
    assert_eq!((events(&desk, "CALL_ANSWERED").await, events(&desk, "OFFER_ACCEPTED").await), (1, 1));
}

#[tokio::test]
async fn a_platform_that_was_told_to_stop_is_believed_at_once() {
    let (desk, peer) = (webhook_desk(shop().await), Peer::taking().await);
    let provider = peer.provider();
    let request = claimed(&desk, &provider).await;
    let id = request.attempt_id;
    desk.engine.place(&provider, vec![request]).await.unwrap();
    let stop =
        json!({"event": "ended", "status": "completed", "talkS": 5, "report": {"disposition": "opted_out"}});
    callback(&desk, id, stop).await.ok();
    assert_eq!(desk.get("/api/v1/crm/leads/lead_123").await.ok()["doNotCall"], json!(true));
}

#[tokio::test]
async fn calls_of_every_cadence_have_a_package_where_the_provider_takes_them() {
    let (desk, peer) = (Desk::open().await.with_lead().await.with_campaign().await, Peer::taking().await);
    desk.post("/api/v1/crm/cadences", json!({"leadId": "lead_123", "cadenceId": "new-lead"})).await.ok();
    desk.engine.plan(10).await.unwrap();
    let provider = peer.provider();
    let claimed = desk.engine.claim(10, &provider, "test").await.unwrap();
    let id = claimed.requests[0].attempt_id;
    desk.engine.place(&provider, claimed.requests).await.unwrap();
    let body = &peer.heard()[0].body;
    assert_eq!(*body, raw(&desk, &format!("/api/v1/calls/{id}/package")).await);
    let package: Value = serde_json::from_slice(body).unwrap();
    assert_eq!((&package["flow_id"], &package["trigger_type"]), (&json!("new-lead"), &Value::Null));
}

#[tokio::test]
async fn a_call_that_must_not_go_on_is_ended_by_its_id() {
    let peer = Peer::open(Manner::Answers(204, Value::Null)).await;
    let provider = peer.provider();
    provider.hang_up("c-1/x").await.unwrap();
    let heard = &peer.heard()[0];
    assert_eq!((&heard.method, heard.path.as_str()), (&Method::DELETE, "/voice/calls/c-1%2Fx"));
    let (time, digest) = heard.header(signature::HEADER).split_once(",v1=").unwrap();
    assert_eq!(digest, hmac(SECRET, format!("{}.", &time[2..]).as_bytes()));
    peer.now(Manner::Answers(404, Value::Null));
    provider.hang_up("c-1").await.unwrap();
    peer.now(Manner::Answers(500, Value::Null));
    assert!(provider.hang_up("c-1").await.is_err());
}

#[tokio::test]
async fn omnidimension_is_asked_as_its_documentation_says() {
    let (desk, peer) = (shop().await, Peer::taking().await);
    let provider = peer.omnidim();
    let request = claimed(&desk, &provider).await;
    let dispatched = |id: Value| json!({"success": true, "status": "dispatched", "requestId": id, "custom_variables_count": 30});
    for (id, known) in [(json!("r-1"), "r-1"), (json!(8_812), "8812")] {
        peer.now(Manner::Answers(200, dispatched(id)));
        let accepted = Placement::Accepted { provider_call_id: known.to_owned() };
        assert_eq!(provider.place(vec![request.clone()]).await, [accepted]);
    }
    let heard = &peer.heard()[0];
    assert_eq!((&heard.method, heard.path.as_str()), (&Method::POST, "/api/v1/calls/dispatch"));
    assert_eq!(heard.header("authorization"), "Bearer account-key");
    let body = heard.json();
    assert_eq!((&body["agent_id"], &body["from_number_id"]), (&json!(42), &json!(7)));
    assert_eq!(body["to_number"], json!("+12124567890"));
    let package =
        String::from_utf8(raw(&desk, &format!("/api/v1/calls/{}/package", request.attempt_id)).await)
            .unwrap();
    let sent = String::from_utf8_lossy(&heard.body);
    assert!(sent.ends_with(&format!("\"call_context\":{package}}}")), "{sent}");
    for (status, answer) in [
        (200, json!({"success": false, "status": "dispatched", "requestId": "r-1"})),
        (200, json!({"success": true, "status": "dispatched"})),
        (500, dispatched(json!("r-1"))),
    ] {
        peer.now(Manner::Answers(status, answer.clone()));
        let placement = provider.place(vec![request.clone()]).await.remove(0);
        assert!(matches!(placement, Placement::Unknown { .. }), "{answer}: {placement:?}");
    }
    peer.now(Manner::Answers(402, json!({"error": "no balance"})));
    let placement = provider.place(vec![request.clone()]).await.remove(0);
    assert!(matches!(placement, Placement::Refused { retry: false, .. }), "{placement:?}");
}

/// What OmniDimension's webhook says: everything but the id of the log is left alone.
fn post_call() -> String {
    json!({
        "call_id": 5_501, "bot_id": 42, "bot_name": "Rachel", "phone_number": "+12124567890",
        "call_date": "2026-07-01 16:05:00", "user_email": "shop@example.com",
        "call_report": {"summary": "", "extracted_variables": {"outcome": "opted_out"}},
    })
    .to_string()
}

fn log(status: &str, outcome: Option<&str>) -> Value {
    let row = json!({
        "id": 5_501, "call_request_id": "r-1", "call_status": status, "call_duration_in_seconds": 41.6,
        "recording_url": false, "is_voicemail": false, "extracted_variables": {"outcome": outcome},
    });
    json!({ "call_log_data": [row] })
}

#[tokio::test]
async fn an_unsigned_webhook_is_only_a_reason_to_ask_omnidimension_itself() {
    let (desk, peer) = (shop().await, Peer::taking().await);
    let provider = Arc::new(peer.omnidim());
    let desk = hearing(desk, |app| app.with_omnidim(Arc::clone(&provider)));
    let request = claimed(&desk, &*provider).await;
    let id = request.attempt_id;
    peer.now(Manner::Answers(200, json!({"success": true, "status": "dispatched", "requestId": "r-1"})));
    assert_eq!(desk.engine.place(&*provider, vec![request]).await.unwrap().accepted, 1);
    let post = |token: &str, body: String| {
        let request = Request::post(format!("/callbacks/omnidim/{token}")).body(Body::from(body)).unwrap();
        desk.request(request)
    };
    assert_eq!(post("guess", post_call()).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(post(TOKEN, "{}".to_owned()).await.status, StatusCode::BAD_REQUEST);
    peer.now(Manner::Answers(500, json!({})));
    assert_eq!(post(TOKEN, post_call()).await.status, StatusCode::SERVICE_UNAVAILABLE);
    let mut theirs = log("completed", None);
    theirs["call_log_data"][0]["call_request_id"] = json!("r-2");
    peer.now(Manner::Answers(200, theirs));
    assert_eq!(post(TOKEN, post_call()).await.status, StatusCode::NOT_FOUND);
    // Not over yet: nothing follows.
    peer.now(Manner::Answers(200, log("in-progress", None)));
    post(TOKEN, post_call()).await.ok();
    assert_eq!(attempt_of(&desk, id).await.state, AttemptState::Placed);
    // What the webhook claims is not what the log says, and the log counts.
    peer.now(Manner::Answers(200, log("completed", Some("accepted"))));
    for _ in 0..2 {
        post(TOKEN, post_call()).await.ok();
    }
    let asked = peer.heard().pop().unwrap();
    assert_eq!((&asked.method, asked.path.as_str()), (&Method::GET, "/api/v1/calls/logs/5501"));
    let done = attempt_of(&desk, id).await;
    assert_eq!((done.state, done.outcome.as_deref()), (AttemptState::Finished, Some("converted")));
    assert_eq!(events(&desk, "CALL_ANSWERED").await, 1);
}
