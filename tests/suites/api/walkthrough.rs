//! One person's whole way through the product with everything that may go wrong beside it: enrolled, called, talked to by signed
//! callbacks, opted out; and requests that fail in every way.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use callwright_engine::flow::interpreter::Input;
use callwright_engine::id::AttemptId;
use callwright_engine::provider::{
    Answer, Capabilities, LookUp, LookUpResult, PlaceRequest, Placement, Provider, ProviderError,
};
use callwright_engine::store::{attempt, lead};
use callwright_workers::provider::carrier_http::HttpCarrier;
use callwright_workers::provider::measured::Measured;
use callwright_workers::provider::signature;
use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

use crate::desk::{Desk, Reply};

/// What must be found nowhere but where it belongs.
pub const CANARIES: [&str; 7] =
    ["zuzanna", "Kanarek", "quetzal-mail", "4159301234", "415-930-1234", "cw_", "canary-token"];

pub fn person() -> Value {
    json!({
        "externalId": "lead_7", "email": "zuzanna@quetzal-mail.example", "firstName": "Zuzanna", "lastName": "Kanarek",
        "phone": "+14159301234", "company": "Kanarek & Co", "timezone": "America/New_York",
    })
}

/// Takes every call.
#[derive(Debug)]
struct Taking;

impl Provider for Taking {
    fn name(&self) -> &str {
        HttpCarrier::NAME
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            look_up: true,
            conclusive_after: TimeDelta::seconds(60),
            follows_flow: false,
            packages: false,
            simulated: true,
        }
    }

    fn place(&self, requests: Vec<PlaceRequest>) -> Answer<'_, Vec<Placement>> {
        let taken = |request: PlaceRequest| Placement::Accepted {
            provider_call_id: format!("sim-{}", request.attempt_id),
        };
        Box::pin(async move { requests.into_iter().map(taken).collect() })
    }

    fn look_up<'a>(&'a self, _: &'a LookUp) -> Answer<'a, LookUpResult> {
        Box::pin(async { LookUpResult::Failed { reason: "nobody there".to_owned() } })
    }

    fn hang_up<'a>(&'a self, _: &'a str) -> Answer<'a, Result<(), ProviderError>> {
        Box::pin(async { Ok(()) })
    }
}

pub struct Walkthrough {
    pub desk: Desk,
}

impl Walkthrough {
    pub async fn open() -> Self {
        Self { desk: Desk::open().await.with_campaign().await }
    }

    /// The person is enrolled and called, hears the first words, says stop, and hangs up.
    pub async fn call_and_opt_out(&self) {
        let desk = &self.desk;
        desk.post("/api/v1/crm/leads", person()).await.ok();
        desk.post("/api/v1/crm/cadences", json!({"leadId": "lead_7", "cadenceId": "new-lead"})).await.ok();
        let engine = &desk.engine;
        let provider = Measured::new(Arc::new(Taking), Arc::clone(&engine.metrics), Arc::default());
        assert_eq!(engine.plan(10).await.unwrap().planned, 1);
        let claimed = engine.claim(10, &provider, "test").await.unwrap();
        assert_eq!(engine.place(&provider, claimed.requests).await.unwrap().accepted, 1);
        let attempt = self.attempt().await;
        self.callback(attempt, json!({"event": "ringing"})).await.ok();
        self.callback(attempt, json!({"event": "ringing"})).await.ok();
        self.callback(attempt, json!({"event": "answered", "answeredBy": "human"})).await.ok();
        for words in ["this is Zuzanna Kanarek, 415-930-1234", "please stop calling me"] {
            let said = json!({"event": "input", "input": Input::Said(words.to_owned())});
            let reply = self.callback(attempt, said).await;
            assert!(reply.status.is_success(), "{} {}", reply.status, reply.body);
        }
        self.callback(attempt, json!({"event": "ended", "status": "completed", "talkS": 12})).await.ok();
        self.forged(&json!({"event": "ringing", "attemptId": attempt})).await;
        self.post_signed(b"{\"phone\": \"+14159301234\"}".to_vec()).await;
    }

    pub async fn attempt(&self) -> AttemptId {
        let mut tx = self.desk.engine.db.begin_read().await.unwrap();
        let lead = lead::resolve(&mut tx, "lead_7").await.unwrap().unwrap();
        attempt::of_lead(&mut tx, lead, 1).await.unwrap()[0].id
    }

    pub async fn callback(&self, attempt: AttemptId, event: Value) -> Reply {
        let mut body =
            json!({"attemptId": attempt, "callId": format!("sim-{attempt}"), "at": crate::desk::NOON});
        body.as_object_mut().unwrap().extend(event.as_object().unwrap().clone());
        self.post_signed(body.to_string().into_bytes()).await
    }

    async fn post_signed(&self, body: Vec<u8>) -> Reply {
        let signed = signature::sign(b"secret", Utc::now(), &body);
        let request = Request::post("/callbacks/carrier").header(signature::HEADER, signed);
        self.desk.request(request.body(Body::from(body)).unwrap()).await
    }

    async fn forged(&self, body: &Value) -> Reply {
        let body = body.to_string().into_bytes();
        let signed = signature::sign(b"canary-token", Utc::now(), &body);
        let request = Request::post("/callbacks/carrier").header(signature::HEADER, signed);
        self.desk.request(request.body(Body::from(body)).unwrap()).await
    }

    /// Requests that fail, each with something personal in it; the answers to them.
    pub async fn failures(&self) -> Vec<Reply> {
        let desk = &self.desk;
        let mut replies = Vec::new();
        let bodies = [
            (
                "/api/v1/crm/leads",
                json!({"email": "zuzanna@quetzal-mail.example", "phone": "0048 415-930-1234 ext"}),
            ),
            ("/api/v1/crm/leads", json!({"email": 4_159_301_234_i64, "firstName": "Zuzanna"})),
            ("/api/v1/crm/leads", json!({"email": "no mail of zuzanna", "timezone": "Kanarek/Zuzanna"})),
            (
                "/api/v1/crm/leads",
                json!({"email": "zuzanna@quetzal-mail.example", "preferredContactTime": "Zuzanna o'clock"}),
            ),
            ("/api/v1/crm/suppressions", json!({"phones": ["+1 415-930-1234 Kanarek"], "reason": "x"})),
            (
                "/api/v1/crm/events",
                json!({"eventType": "CALL_ANSWERED", "leadId": "zuzanna@quetzal-mail.example"}),
            ),
            ("/api/v1/crm/cadences", json!({"leadId": "+14159301234", "cadenceId": "new-lead"})),
            ("/api/v1/crm/cadences", json!({"leadId": "lead_7", "cadenceId": "Kanarek"})),
            ("/api/v1/crm/campaigns", json!({"key": "zuzanna", "callerIds": ["415-930-1234"]})),
        ];
        for (path, body) in bodies {
            replies.push(desk.post(path, body).await);
        }
        for path in [
            "/api/v1/crm/leads/zuzanna@quetzal-mail.example",
            "/api/v1/crm/leads?search=Kanarek&cursor=zuzanna",
            "/api/v1/crm/events?leadId=+14159301234",
            "/api/v1/crm/suppressions?phone=4159301234",
            "/zuzanna/Kanarek",
            "/api/v1/jobs/zuzanna",
        ] {
            replies.push(desk.get(path).await);
        }
        for token in ["Bearer canary-token", "Basic canary-token", "Bearer cw_canary-token"] {
            let request = Request::get("/api/v1/crm/leads").header("authorization", token);
            replies.push(desk.request(request.body(Body::empty()).unwrap()).await);
        }
        let broken = Request::post("/api/v1/crm/leads")
            .header("authorization", format!("Bearer {}", desk.key))
            .body(Body::from("{\"firstName\": \"Zuzanna\", "));
        replies.push(desk.request(broken.unwrap()).await);
        replies
    }
}
