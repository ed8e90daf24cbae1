//! Reading requests: JSON bodies and query strings into types that refuse unknown fields, with messages that point at the field.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use callwright_engine::definitions::diagnostic::suggestion;
use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};

use super::error::{ApiError, FieldProblem};

/// Largest JSON body.
pub const BODY_BYTES: usize = 1024 * 1024;

/// A JSON body.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let named =
            request.headers().get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default().to_owned());
        if named.is_some_and(|named| !named.contains("json")) {
            let message = "send JSON, with `Content-Type: application/json`";
            return Err(ApiError::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
        }
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| ApiError::of_status(rejection.status(), rejection.body_text()))?;
        parse(&bytes).map(Self)
    }
}

/// A JSON body that may be left out.
#[derive(Debug)]
pub struct BodyOrNothing<T>(pub T);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for BodyOrNothing<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| ApiError::of_status(rejection.status(), rejection.body_text()))?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            Ok(Self(T::default()))
        } else {
            parse(&bytes).map(Self)
        }
    }
}

/// Reads JSON: 400 when it is none, 422 when a field is wrong.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        if error.inner().is_data() {
            let message = error.inner().to_string();
            ApiError::invalid(vec![problem(error.path(), &message)])
        } else {
            ApiError::unreadable(format!("the body is not JSON: {}", error.inner()))
        }
    })?;
    deserializer.end().map_err(|error| ApiError::unreadable(format!("the body is not JSON: {error}")))?;
    Ok(value)
}

/// What is wrong with a JSON text that was read as one already.
pub fn parse_text<T: DeserializeOwned>(text: &str) -> Result<T, FieldProblem> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| problem(error.path(), &error.inner().to_string()))
}

/// What is wrong with a value that was read as JSON already.
pub fn parse_value<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, FieldProblem> {
    serde_path_to_error::deserialize(value).map_err(|error| problem(error.path(), &error.inner().to_string()))
}

fn problem(path: &Path, message: &str) -> FieldProblem {
    // serde_json appends a place that means nothing to someone who built the body in code.
    let message = message.rsplit_once(" at line ").map_or(message, |(before, _)| before);
    let mut pointer = pointer(path);
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let (Some((found, known)), true) = (quoted.split_first(), message.starts_with("unknown ")) else {
        return FieldProblem::new(pointer, message);
    };
    let is_field = message.starts_with("unknown field");
    if is_field && !pointer.ends_with(&format!("/{found}")) {
        pointer = format!("{pointer}/{found}");
    }
    let what = if is_field { "a field here" } else { "one of its values" };
    let help = suggestion(found, known.iter().copied());
    FieldProblem { pointer, message: format!("`{found}` is not {what}"), help }
}

fn pointer(path: &Path) -> String {
    path.iter().fold(String::new(), |pointer, segment| match segment {
        Segment::Seq { index } => format!("{pointer}/{index}"),
        Segment::Map { key } => format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1")),
        Segment::Enum { .. } | Segment::Unknown => pointer,
    })
}

/// A query string.
#[derive(Debug)]
pub struct Params<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(params)) => Ok(Self(params)),
            Err(rejection) => {
                let text = rejection.body_text();
                let message = text.trim_start_matches("Failed to deserialize query string: ");
                let (name, message) = message.split_once(": ").unwrap_or(("query", message));
                Err(ApiError::field(name, message))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    #[expect(dead_code, reason = "only read by serde")]
    struct Sample {
        first_name: String,
        age: Option<u8>,
        phones: Option<Vec<Phone>>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    #[expect(dead_code, reason = "only read by serde")]
    struct Phone {
        number: String,
    }

    fn problem_of(body: serde_json::Value) -> FieldProblem {
        parse_value::<Sample>(body).unwrap_err()
    }

    #[test]
    fn an_unknown_field_is_pointed_at_and_a_near_one_suggested() {
        let found = problem_of(serde_json::json!({"firstName": "A", "firstname": "B"}));
        assert_eq!(found.pointer, "/firstname");
        assert_eq!(found.help.as_deref(), Some("did you mean `firstName`?"));
    }

    #[test]
    fn a_nested_field_is_pointed_at() {
        let found =
            problem_of(serde_json::json!({"firstName": "A", "phones": [{"number": "1"}, {"number": 5}]}));
        assert_eq!(found.pointer, "/phones/1/number");
        assert!(found.message.contains("expected a string"), "{}", found.message);
    }

    #[test]
    fn a_missing_field_points_at_its_parent() {
        let found = problem_of(serde_json::json!({"age": 3}));
        assert_eq!((found.pointer.as_str(), found.message.as_str()), ("", "missing field `firstName`"));
    }

    #[test]
    fn text_that_is_no_json_is_unreadable() {
        let error = parse::<Sample>(b"{not json").unwrap_err();
        assert_eq!(error.status(), StatusCode::BAD_REQUEST);
    }
}
