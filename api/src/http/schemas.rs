//! The JSON Schemas of definition and rule files, for editors.

use axum::Json;
use axum::extract::Path;
use callwright_engine::definitions::schema::{SchemaKind, schema};
use serde_json::Value;

use super::error::{Answer, ApiError};

/// The schema of a kind of file: `flow`, `script`, `cadence`, `test`, `rules` or `holidays`.
#[utoipa::path(get, path = "/schemas/{kind}", tag = "definitions", params(("kind" = String, Path, description = "flow, script, cadence, test, rules or holidays")), responses(
    (status = 200, description = "JSON Schema, draft 2020-12", body = Object),
    (status = 404, description = "No such kind", body = super::error::ErrorBody),
))]
pub async fn show(Path(kind): Path<String>) -> Answer<Json<&'static Value>> {
    // Editors ask for the file name that `$schema` lines carry.
    let name = kind.strip_suffix(".schema.json").unwrap_or(&kind);
    let kind: SchemaKind = name.parse().map_err(|_| ApiError::not_found("schema", name))?;
    Ok(Json(schema(kind)))
}
