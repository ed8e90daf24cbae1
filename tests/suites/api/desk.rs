//! One API on a fresh database with a clock in hand, and short ways to speak to it.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use callwright_api::http::{Access, App, router};
use callwright_engine::clock::Instant;
use callwright_engine::definitions::library::{Library, LibraryHandle};
use callwright_engine::domain::user::Role;
use callwright_engine::engine::{Engine, ManualClock, TimeSource};
use callwright_engine::id::IdSource;
use callwright_engine::store::Db;
use callwright_engine::store::api_key::{self, KEY_BYTES, NewKey};
use callwright_workers::bell::Bell;
use serde_json::{Value, json};
use tower::ServiceExt;

/// A Wednesday, noon in New York.
pub const NOON: &str = "2026-07-01T16:00:00Z";

pub struct Desk {
    pub engine: Arc<Engine>,
    pub key: String,
    pub app: Router,
}

#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Reply {
    /// The body of a success; anything else fails the test with what was said.
    pub fn ok(self) -> Value {
        assert!(self.status.is_success(), "{}: {}", self.status, self.body);
        self.body
    }

    pub fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }

    /// Pointers of the fields that are wrong.
    pub fn pointers(&self) -> Vec<&str> {
        let fields = self.body["error"]["details"]["fields"].as_array();
        fields.into_iter().flatten().filter_map(|field| field["pointer"].as_str()).collect()
    }
}

pub fn noon() -> Instant {
    NOON.parse().expect("a time")
}

impl Desk {
    /// With a manager's key.
    pub async fn open() -> Self {
        Self::with_access(Access::Keys).await
    }

    pub async fn with_access(access: Access) -> Self {
        let db = Db::open("sqlite::memory:").await.expect("a database");
        let engine = Engine::new(
            db,
            Arc::new(LibraryHandle::new(Library::embedded())),
            TimeSource::Manual(ManualClock::at(noon())),
            Arc::new(IdSource::seeded(7)),
        );
        engine.publish().await.expect("the shipped definitions are published");
        let key = make_key(&engine, "tests", Role::Manager).await;
        let app =
            App::new(Arc::clone(&engine), access, Bell::new()).with_carrier_secret(b"secret".as_slice());
        Self { app: router(app), engine, key }
    }

    pub async fn request(&self, request: Request<Body>) -> Reply {
        let response = self.app.clone().oneshot(request).await.expect("a router never fails");
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.expect("a body");
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Reply { status: parts.status, headers: parts.headers, body }
    }

    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Reply {
        self.send_with(method, path, body, &[]).await
    }

    pub async fn send_with(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Reply {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {}", self.key))
            .header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        self.request(request.body(body).expect("a request")).await
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(Method::POST, path, Some(&body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Reply {
        self.send(Method::PUT, path, Some(&body)).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, None).await
    }

    /// A lead `lead_123` whom a campaign may call.
    pub async fn with_lead(self) -> Self {
        self.post("/api/v1/crm/leads", alice()).await.ok();
        self
    }

    /// The campaign `campaign_new_lead`, with the consent of its leads.
    pub async fn with_campaign(self) -> Self {
        self.post("/api/v1/crm/campaigns", campaign()).await.ok();
        self
    }
}

pub async fn make_key(engine: &Engine, name: &str, role: Role) -> String {
    let mut tx = engine.db.begin().await.expect("a transaction");
    let random: [u8; KEY_BYTES] = std::array::from_fn(|at| at as u8 ^ name.len() as u8 ^ (role as u8) << 4);
    let new = NewKey { id: engine.ids.next(noon()), name, role };
    let (_, key) = api_key::create(&mut tx, new, &random, noon()).await.expect("a key");
    tx.commit().await.expect("a commit");
    key
}

pub fn alice() -> Value {
    json!({
        "externalId": "lead_123", "email": "alice@example.com", "firstName": "Alice", "lastName": "Johnson",
        "phone": "+12124567890", "company": "Johnson Designs", "segment": "agencies", "preferredContactTime": "9am-5pm EST",
        "timezone": "America/New_York",
    })
}

pub fn campaign() -> Value {
    json!({
        "key": "campaign_new_lead", "name": "New leads", "company": "Acme", "timezone": "America/New_York",
        "schedule": {"spans": [{"days": "mon-fri", "from": "09:00", "until": "18:00"}]},
        "limits": {"maxPerDay": 500},
        "consentBasis": {"form": "express_written", "coversAiVoice": true, "statement": "Web form v3"},
    })
}
