//! Bearer API keys: who is calling and what they may do. Fails closed: a handler that asks for a [`Caller`] on a route that is
//! not behind [`require`] gets 401.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::HeaderValue;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use callwright_engine::domain::user::{ApiKey, Role};
use callwright_engine::store::api_key;

use super::error::{Answer, ApiError};
use super::state::{Access, App};

/// Whoever sent the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Stable identity, such as `key:…`; idempotency keys are kept per principal.
    pub principal: String,
    /// For records of who did what.
    pub name: String,
    pub role: Role,
}

impl Caller {
    /// 403 unless the role reaches `least`.
    pub fn must_be(&self, least: Role) -> Answer<()> {
        if rank(self.role) >= rank(least) {
            return Ok(());
        }
        Err(ApiError::forbidden(format!("this needs the role {least}; this key has the role {}", self.role)))
    }

    fn of_key(key: &ApiKey) -> Self {
        Self { principal: format!("key:{}", key.id), name: key.name.clone(), role: key.role }
    }

    fn developer() -> Self {
        Self { principal: "dev".to_owned(), name: "developer".to_owned(), role: Role::SuperAdmin }
    }
}

const fn rank(role: Role) -> u8 {
    match role {
        Role::Agent => 0,
        Role::Manager => 1,
        Role::SuperAdmin => 2,
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Answer<Self> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| ApiError::unauthorized("no caller is known here"))
    }
}

/// Lets a request through only with a valid key, and hands its [`Caller`] on.
pub async fn require(State(app): State<App>, mut request: Request, next: Next) -> Response {
    // A copy: a request is not shared with other threads while we wait.
    let header = request.headers().get(AUTHORIZATION).cloned();
    match identify(&app, header.as_ref()).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(error) => error.into_response(),
    }
}

async fn identify(app: &App, header: Option<&HeaderValue>) -> Answer<Caller> {
    if app.access == Access::Open {
        return Ok(Caller::developer());
    }
    let header = header.and_then(|value| value.to_str().ok());
    let Some((scheme, token)) = header.and_then(|header| header.split_once(' ')) else {
        return Err(ApiError::unauthorized(
            "send `Authorization: Bearer KEY`; `callwright key create NAME` makes a key",
        ));
    };
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(ApiError::unauthorized("the Authorization header must be `Bearer KEY`"));
    }
    let token = token.trim();
    if let Some(caller) = app.known_keys.get(token) {
        return Ok(caller);
    }
    let mut tx = app.engine.db.begin_read().await?;
    let now = app.engine.time.now(&mut tx).await?;
    let key = api_key::verify(&mut tx, token)
        .await?
        .ok_or_else(|| ApiError::unauthorized("this key is not valid"))?;
    tx.rollback().await?;
    if !api_key::is_fresh(&key, now) {
        let mut tx = app.engine.db.begin().await?;
        api_key::touch(&mut tx, &key, now).await?;
        tx.commit().await?;
    }
    let caller = Caller::of_key(&key);
    app.known_keys.note(token, &caller);
    Ok(caller)
}
