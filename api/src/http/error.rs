//! Errors as callers see them: one body for every family, one exhaustive match from engine errors to codes and statuses.
//! Internals are logged with an id and never shown.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use callwright_engine::engine::EngineError;
use callwright_engine::store::StoreError;
use callwright_workers::provider::callback::CallbackError;
use callwright_workers::provider::omnidim::PostCallError;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

/// The documented error codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Code {
    ValidationError,
    Unauthorized,
    Forbidden,
    NotFound,
    Conflict,
    IdempotencyMismatch,
    RateLimited,
    Internal,
}

/// One thing that is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldProblem {
    /// JSON pointer into the request body, or the name of a query parameter.
    pub pointer: String,
    pub message: String,
    /// What to do, when that can be guessed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl FieldProblem {
    pub fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), message: message.into(), help: None }
    }
}

/// An answer that is not a success.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    code: Code,
    message: String,
    details: Value,
    /// Seconds after which it may be tried again.
    retry_after: Option<u64>,
}

pub type Answer<T> = Result<T, ApiError>;

/// The body of every error.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    /// Always `false`.
    success: bool,
    error: ErrorDetail,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorDetail {
    code: Code,
    /// For people.
    message: String,
    /// `fields` for validation errors, `reason` for refusals, `errorId` for internal errors; empty otherwise.
    #[schema(value_type = Object)]
    details: Value,
}

impl ApiError {
    fn new(status: StatusCode, code: Code, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), details: json!({}), retry_after: None }
    }

    /// 400: the request cannot be read at all.
    pub fn unreadable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Code::ValidationError, message)
    }

    /// 422: readable, but these fields are wrong.
    pub fn invalid(fields: Vec<FieldProblem>) -> Self {
        let message = match fields.as_slice() {
            [only] => format!("{}: {}", only.pointer, only.message),
            several => format!("{} fields are wrong", several.len()),
        };
        let mut error = Self::new(StatusCode::UNPROCESSABLE_ENTITY, Code::ValidationError, message);
        error.details = json!({ "fields": fields });
        error
    }

    /// 422 about one field.
    pub fn field(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self::invalid(vec![FieldProblem::new(pointer, message)])
    }

    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, Code::Unauthorized, message)
    }

    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, Code::Forbidden, message)
    }

    pub fn not_found(what: &str, id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, Code::NotFound, format!("{what} `{id}` does not exist"))
    }

    /// 409: the state does not allow it. `reason` is kebab-case, for machines.
    pub fn conflict(reason: &str, message: impl Into<String>) -> Self {
        let mut error = Self::new(StatusCode::CONFLICT, Code::Conflict, message);
        error.details = json!({ "reason": reason });
        error
    }

    /// 422: an idempotency key came again with another request.
    pub fn idempotency_mismatch() -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            Code::IdempotencyMismatch,
            "this Idempotency-Key was used for a different request; use a new key for a new request",
        )
    }

    /// 429: not now; after so many seconds.
    pub fn rate_limited(message: impl Into<String>, seconds: u64) -> Self {
        let mut error = Self::new(StatusCode::TOO_MANY_REQUESTS, Code::RateLimited, message);
        error.details = json!({ "retryAfterSeconds": seconds });
        error.retry_after = Some(seconds);
        error
    }

    /// An answer of the web framework's own (413, 415, 405, …) in our shape.
    pub fn of_status(status: StatusCode, message: impl Into<String>) -> Self {
        let code = match status {
            StatusCode::NOT_FOUND => Code::NotFound,
            StatusCode::TOO_MANY_REQUESTS => Code::RateLimited,
            status if status.is_server_error() => Code::Internal,
            _ => Code::ValidationError,
        };
        Self::new(status, code, message)
    }

    /// 500: logged with an id, shown as the id only.
    pub fn internal(error: impl std::fmt::Display) -> Self {
        let error_id = Uuid::new_v4();
        tracing::error!(%error_id, %error, "request failed");
        let message = "something went wrong on our side; name the errorId when you report it";
        let mut answer = Self::new(StatusCode::INTERNAL_SERVER_ERROR, Code::Internal, message);
        answer.details = json!({ "errorId": error_id });
        answer
    }

    #[must_use]
    pub fn with_details(mut self, details: Value) -> Self {
        self.details = details;
        self
    }

    pub const fn status(&self) -> StatusCode {
        self.status
    }

    pub fn message(&self) -> &str {
        &self.message
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let error = ErrorDetail { code: self.code, message: self.message, details: self.details };
        let mut response = (self.status, Json(ErrorBody { success: false, error })).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Store(error) => error.into(),
            EngineError::Missing { what, id } => Self::not_found(what, &id),
            EngineError::Conflict { code, message } => Self::conflict(code, message),
            EngineError::Invalid { field, message } => Self::field(format!("/{field}"), message),
            error @ (EngineError::Version { .. } | EngineError::Provider(_) | EngineError::Journal(_)) => {
                Self::internal(error)
            }
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Missing { what, id } => Self::not_found(what, &id),
            StoreError::Constraint { constraint } => {
                tracing::info!(constraint, "a request was refused by a rule of the database");
                Self::conflict(
                    "already-exists",
                    "that exists already, or belongs to something that does not exist",
                )
            }
            StoreError::Journal(error) => {
                tracing::error!(error, "a stop was refused: it could not be kept outside the database");
                let message = "nothing was changed: the journal of stops cannot be written; try again, and tell the operator";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, Code::Internal, message)
            }
            error => Self::internal(error),
        }
    }
}

impl From<PostCallError> for ApiError {
    fn from(error: PostCallError) -> Self {
        match error {
            PostCallError::Body(error) => Self::unreadable(format!("the webhook cannot be read: {error}")),
            PostCallError::NotOurs => {
                Self::of_status(StatusCode::NOT_FOUND, "no call of this server has such a log")
            }
            PostCallError::Log(error) => {
                tracing::warn!(%error, "the log of a call could not be read");
                let message = "what became of the call could not be asked; send the webhook again";
                Self::of_status(StatusCode::SERVICE_UNAVAILABLE, message)
            }
            PostCallError::Engine(error) => error.into(),
        }
    }
}

impl From<CallbackError> for ApiError {
    fn from(error: CallbackError) -> Self {
        match error {
            // No more than that: whoever forges signatures learns nothing.
            CallbackError::Signature(_) => Self::unauthorized("the callback is not signed as it should be"),
            CallbackError::Body(error) => Self::unreadable(format!("the callback cannot be read: {error}")),
            CallbackError::Engine(error) => error.into(),
        }
    }
}
