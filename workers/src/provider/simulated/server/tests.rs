//! The stand-alone carrier end to end on loopback, with a fake dialer that answers its callbacks.

mod faults;

use std::sync::Mutex;

use axum::body::Bytes;
use axum::http::HeaderMap;
use callwright_engine::clock::{Instant, instant_from_micros};
use callwright_engine::domain::outcome::Outcome;
use callwright_engine::flow::interpreter::{Expect, Expected, Prompt};
use callwright_engine::flow::session::Ended;
use callwright_engine::id::IdSource;
use callwright_engine::provider::{CallsSince, Deadline, Listing, LookUp, LookUpResult, Placement, Provider};
use url::Url;

use super::super::behaviour::{Behaviour, End, Scripted, Wish};
use super::*;
use crate::provider::callback;
use crate::provider::carrier_http::{HttpCarrier, HttpCarrierOptions};
use crate::provider::wire::TurnBody;

const SECRET: &[u8] = b"loopback";

/// A carrier, a provider that talks to it, and a dialer that hears its callbacks.
struct Line {
    server: CarrierServer,
    provider: HttpCarrier,
    carrier_url: Url,
    dialer: Arc<Dialer>,
    dialer_url: String,
    ids: IdSource,
}

#[derive(Debug, Default)]
struct Dialer {
    heard: Mutex<Vec<Callback>>,
    arrived: tokio::sync::Notify,
    /// Answers 503 this many times before it listens.
    down: Mutex<u32>,
}

fn noon() -> Instant {
    "2026-07-01T16:00:00Z".parse().unwrap()
}

/// Virtual minutes pass in real milliseconds.
fn options(behaviour: Behaviour) -> ServerOptions {
    ServerOptions {
        clock: ClockSetting::Virtual { at: noon(), rate: 2_000.0 },
        retries: Retries { tries: 5, first_pause: Duration::from_millis(5) },
        hang: Duration::from_mins(1),
        ..ServerOptions::new(Scripted::otherwise(behaviour), SECRET)
    }
}

fn answered(wants: Wish) -> Behaviour {
    Behaviour { ring_s: 5, end: End::Answered { wants, talk_s: 30 } }
}

async fn listen(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

async fn hear(State(dialer): State<Arc<Dialer>>, headers: HeaderMap, body: Bytes) -> Response {
    if std::mem::take(&mut *dialer.down.lock().unwrap()) > 0 {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let Ok(callback) = callback::read(SECRET, chrono::Utc::now(), &headers, &body) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let turn = match &callback.event {
        CallbackEvent::Answered { .. } => TurnBody {
            prompts: vec![prompt("Would you like it?")],
            expect: Some(expect_yes_or_no()),
            ended: None,
        },
        CallbackEvent::Input { .. } => {
            let ended = Some(Ended { outcome: Outcome::Converted, disposition: "accepted".to_owned() });
            TurnBody { prompts: vec![prompt("Thank you.")], expect: None, ended }
        }
        CallbackEvent::Ringing | CallbackEvent::Ended { .. } => {
            TurnBody { prompts: Vec::new(), expect: None, ended: None }
        }
    };
    dialer.heard.lock().unwrap().push(callback);
    dialer.arrived.notify_one();
    Json(turn).into_response()
}

impl Line {
    async fn open(options: ServerOptions) -> Self {
        let token = options.token.clone();
        let loses_answers = options.faults.timeout_after_accept + options.faults.slow_answer > 0.0;
        let server = CarrierServer::open(options).await.unwrap();
        let url = Url::parse(&listen(server.router()).await).unwrap();
        let dialer = Arc::new(Dialer::default());
        let router = Router::new().route("/callback", post(hear)).with_state(dialer.clone());
        let dialer_url = format!("{}/callback", listen(router).await);
        let timeout = Duration::from_millis(if loses_answers { 1_200 } else { 30_000 });
        let carrier_url = url.clone();
        let options = HttpCarrierOptions { url, callback_url: dialer_url.clone(), token, timeout };
        let provider = HttpCarrier::new(options).unwrap();
        Self { server, provider, carrier_url, dialer, dialer_url, ids: IdSource::seeded(9) }
    }

    fn calls_url(&self) -> String {
        format!("{}calls", self.carrier_url)
    }

    fn call(&self) -> CallRequest {
        CallRequest {
            attempt_id: self.ids.next(noon()),
            enrollment_id: None,
            to: PhoneNumber::e164_only("+12125550143").unwrap(),
            from: None,
            callback_url: self.dialer_url.clone(),
            step: "first".to_owned(),
            visit: 1,
            attempt: 1,
            language: "en".to_owned(),
            max_duration_s: 600,
        }
    }

    async fn place(&self, call: &CallRequest) -> Placement {
        self.provider.ask(vec![call.clone()], Deadline::NEVER).await.remove(0)
    }

    async fn look_up(&self, call: &CallRequest) -> LookUpResult {
        let query = LookUp { attempt_id: call.attempt_id, number: call.to, intent_at: noon() };
        self.provider.look_up(&query).await
    }

    /// Names of the callbacks up to and including `last`.
    async fn heard_until(&self, last: &str) -> Vec<&'static str> {
        let waiting = async {
            loop {
                let names: Vec<_> =
                    self.dialer.heard.lock().unwrap().iter().map(|c| c.event.name()).collect();
                if names.contains(&last) {
                    return names;
                }
                self.dialer.arrived.notified().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap()
    }

    fn audit(&self) -> Audit {
        self.server.audit(&Evidence::default())
    }
}

#[tokio::test]
async fn an_answered_call_talks_turn_by_turn_and_is_booked() {
    let line = Line::open(options(answered(Wish::Accept))).await;
    let Placement::Accepted { provider_call_id } = line.place(&line.call()).await else {
        panic!("not accepted")
    };
    assert_eq!(line.heard_until("ended").await, ["ringing", "answered", "input", "ended"]);
    let heard = line.dialer.heard.lock().unwrap();
    assert!(heard.iter().all(|callback| callback.call_id == provider_call_id));
    assert!(matches!(
        heard[3].event,
        CallbackEvent::Ended { status: EndStatus::Completed, talk_s: 30.., .. }
    ));
    let audit = line.audit();
    assert!(audit.is_clean(), "{audit}");
    assert_eq!((audit.calls, audit.converted, audit.open), (1, 1, 0));
}

#[tokio::test]
async fn an_unanswered_call_rings_and_ends() {
    let line = Line::open(options(Scripted::RINGS_OUT)).await;
    line.place(&line.call()).await;
    assert_eq!(line.heard_until("ended").await, ["ringing", "ended"]);
}

#[tokio::test]
async fn the_same_attempt_posted_twice_is_two_calls_and_the_ledger_tells() {
    let line = Line::open(options(Scripted::RINGS_OUT)).await;
    let call = line.call();
    line.place(&call).await;
    line.place(&call).await;
    let audit = line.audit();
    assert_eq!((audit.calls, audit.repeated_requests), (2, 1));
    assert!(audit.double_dials >= 1);
}

#[tokio::test]
async fn a_lost_answer_is_unknown_and_the_call_is_found_again() {
    for faults in [
        Faults { timeout_after_accept: 1.0, ..Faults::default() },
        Faults { error_after_accept: 1.0, ..Faults::default() },
    ] {
        let line = Line::open(ServerOptions { faults, ..options(Scripted::RINGS_OUT) }).await;
        let call = line.call();
        assert!(matches!(line.place(&call).await, Placement::Unknown { .. }));
        assert!(matches!(line.look_up(&call).await, LookUpResult::Found { .. }));
        assert_eq!(line.audit().calls, 1);
    }
}

#[tokio::test]
async fn calls_behind_a_batch_that_hangs_are_not_sent() {
    let faults = Faults { timeout_after_accept: 1.0, ..Faults::default() };
    let line = Line::open(ServerOptions { faults, ..options(Scripted::RINGS_OUT) }).await;
    let placements = line.provider.ask((0..101).map(|_| line.call()).collect(), Deadline::NEVER).await;
    assert!(placements[..100].iter().all(|placement| matches!(placement, Placement::Unknown { .. })));
    assert!(matches!(placements[100], Placement::NotSent { .. }));
    assert_eq!(line.audit().requests, 100);
}

#[tokio::test]
async fn a_request_that_was_lost_is_unknown_and_absent() {
    let faults = Faults { error_before_accept: 1.0, ..Faults::default() };
    let line = Line::open(ServerOptions { faults, ..options(Scripted::RINGS_OUT) }).await;
    let call = line.call();
    assert!(matches!(line.place(&call).await, Placement::Unknown { .. }));
    assert_eq!(line.look_up(&call).await, LookUpResult::Absent);
    assert_eq!((line.audit().requests, line.audit().calls), (1, 0));
}

#[tokio::test]
async fn a_refusal_is_definite_and_nobody_home_is_one() {
    let faults = Faults { refuse: 1.0, ..Faults::default() };
    let line = Line::open(ServerOptions { faults, ..options(Scripted::RINGS_OUT) }).await;
    assert!(matches!(line.place(&line.call()).await, Placement::Refused { retry: true, .. }));

    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", closed.local_addr().unwrap())).unwrap();
    drop(closed);
    let timeout = HttpCarrierOptions::TIMEOUT;
    let nobody = HttpCarrierOptions { url, callback_url: String::new(), token: None, timeout };
    let placements = HttpCarrier::new(nobody).unwrap().ask(vec![line.call()], Deadline::NEVER).await;
    assert!(matches!(placements[0], Placement::Refused { retry: true, .. }), "{placements:?}");
}

#[tokio::test]
async fn nothing_leaves_once_the_permit_has_ended() {
    let line = Line::open(options(Scripted::RINGS_OUT)).await;
    let ended = Deadline::after(Duration::ZERO);
    while !ended.has_passed() {
        tokio::task::yield_now().await;
    }
    let placements = line.provider.ask(vec![line.call()], ended).await;
    assert!(matches!(placements[0], Placement::NotSent { .. }), "{placements:?}");
    assert_eq!(line.audit().requests, 0);
}

#[tokio::test]
async fn lost_callbacks_come_with_a_look_up() {
    let faults = Faults { lose_callback: 1.0, ..Faults::default() };
    let line = Line::open(ServerOptions { faults, ..options(Scripted::RINGS_OUT) }).await;
    let call = line.call();
    line.place(&call).await;
    while line.audit().open > 0 || line.server.fired().get("loseCallback") != Some(&2) {
        tokio::task::yield_now().await;
    }
    assert!(line.dialer.heard.lock().unwrap().is_empty());
    line.look_up(&call).await;
    line.heard_until("ended").await;
}

#[tokio::test]
async fn a_dialer_that_is_down_for_a_moment_still_hears_everything() {
    let line = Line::open(options(Scripted::RINGS_OUT)).await;
    *line.dialer.down.lock().unwrap() = 1;
    line.place(&line.call()).await;
    assert_eq!(line.heard_until("ended").await, ["ringing", "ended"]);
}

#[tokio::test]
async fn a_call_can_be_hung_up_more_than_once() {
    let mut options = options(answered(Wish::Silent));
    options.clock = ClockSetting::Virtual { at: noon(), rate: 0.0 };
    let line = Line::open(options).await;
    let Placement::Accepted { provider_call_id } = line.place(&line.call()).await else {
        panic!("not accepted")
    };
    line.heard_until("ringing").await;
    line.provider.hang_up(&provider_call_id).await.unwrap();
    line.provider.hang_up(&provider_call_id).await.unwrap();
    line.provider.hang_up("sim-unknown").await.unwrap();
    assert_eq!(line.heard_until("ended").await, ["ringing", "ended"]);
    assert_eq!(line.audit().open, 0);
}

#[tokio::test]
async fn books_outlive_the_process_and_its_open_calls_are_over() {
    let folder = tempfile::tempdir().unwrap();
    let open = || ServerOptions {
        ledger: Some(folder.path().join("ledger.jsonl")),
        clock: ClockSetting::Virtual { at: noon(), rate: 0.0 },
        ..options(Scripted::RINGS_OUT)
    };
    let first = Line::open(open()).await;
    let call = first.call();
    first.place(&call).await;
    assert_eq!(first.audit().open, 1);

    let second = Line::open(open()).await;
    assert!(matches!(second.look_up(&call).await, LookUpResult::Found { .. }));
    assert_eq!((second.audit().calls, second.audit().open), (1, 0));
    // The dialer of the first line is the one that the call was to be reported to.
    assert!(first.heard_until("ended").await.contains(&"ended"));
}

#[tokio::test]
async fn strangers_without_the_token_are_refused() {
    let line =
        Line::open(ServerOptions { token: Some("right".to_owned()), ..options(Scripted::RINGS_OUT) }).await;
    assert!(matches!(line.place(&line.call()).await, Placement::Accepted { .. }));
    let url = Url::parse(&listen(line.server.router()).await).unwrap();
    let timeout = HttpCarrierOptions::TIMEOUT;
    let stranger =
        HttpCarrierOptions { url, callback_url: String::new(), token: Some("wrong".to_owned()), timeout };
    let placements = HttpCarrier::new(stranger).unwrap().ask(vec![line.call()], Deadline::NEVER).await;
    assert!(matches!(placements[0], Placement::Refused { retry: false, .. }));
}

#[tokio::test]
async fn the_clock_can_be_set_but_not_to_nonsense() {
    let line = Line::open(options(Scripted::RINGS_OUT)).await;
    let url = format!("{}/clock", listen(line.server.router()).await);
    let client = http::repeatable(Duration::from_secs(5)).unwrap();
    let set = async |rate: f64| {
        let setting = ClockSetting::Virtual { at: instant_from_micros(0), rate };
        client.post(&url).json(&setting).send().await.unwrap().status()
    };
    assert_eq!(set(-1.0).await, StatusCode::BAD_REQUEST);
    assert_eq!(set(0.0).await, StatusCode::OK);
    assert_eq!(line.server.carrier.clock.now(), instant_from_micros(0));
}

fn prompt(text: &str) -> Prompt {
    Prompt::Say { text: text.to_owned(), language: "en".to_owned() }
}

fn expect_yes_or_no() -> Expect {
    Expect {
        kind: Expected::Answer,
        answers: vec!["accept".to_owned(), "decline".to_owned()],
        keys: [('1', "accept".to_owned())].into(),
        open: false,
        timeout_s: 5,
    }
}

#[tokio::test]
async fn calls_are_listed_since_an_instant_and_page_by_page() {
    let line = Line::open(options(answered(Wish::Accept))).await;
    let asked = [line.call(), line.call()];
    for call in &asked {
        line.place(call).await;
    }
    let listed = async |since: Instant, after: Option<&str>| {
        let query = CallsSince { since, after: after.map(str::to_owned) };
        let Ok(Listing::Page { calls, next }) = line.provider.calls_since(&query).await else {
            panic!("the carrier lists its calls");
        };
        (calls.iter().filter_map(|call| call.attempt_id).collect::<Vec<_>>(), next)
    };
    let hour = TimeDelta::hours(1);
    assert_eq!(listed(noon() - hour, None).await, (asked.iter().map(|call| call.attempt_id).collect(), None));
    assert_eq!(listed(noon() - hour, Some("1")).await, (vec![asked[1].attempt_id], None));
    assert_eq!(listed(noon() + hour * 24, None).await, (Vec::new(), None));

    line.heard_until("ended").await;
    let url = format!("{}?since=2026-07-01T00:00:00Z&limit=1", line.calls_url());
    let page: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    assert_eq!((page["calls"].as_array().map(Vec::len), &page["next"]), (Some(1), &json!("1")));
    assert_eq!(page["calls"][0]["status"], "completed");
    let both = format!("{}?attempt={}&since=2026-07-01T00:00:00Z", line.calls_url(), asked[0].attempt_id);
    assert_eq!(reqwest::get(both).await.unwrap().status(), StatusCode::BAD_REQUEST);
}
