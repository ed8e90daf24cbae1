//! The JSON Schemas of definition and rule files, for editors, and of the packages of calls, for voice platforms.

use axum::Json;
use axum::extract::Path;
use callwright_engine::definitions::schema::{SchemaKind, schema};
use callwright_engine::package;
use serde_json::Value;

use super::error::{Answer, ApiError};

/// The schema of a kind of file, or of a call's package.
#[utoipa::path(get, path = "/schemas/{kind}", tag = "definitions", params(("kind" = String, Path, description = "flow, script, cadence, test, rules, holidays or package; also as file names, such as package.schema.json")), responses(
    (status = 200, description = "JSON Schema, draft 2020-12", body = Object),
    (status = 404, description = "No such kind", body = super::error::ErrorBody),
))]
pub async fn show(Path(kind): Path<String>) -> Answer<Json<&'static Value>> {
    // Editors ask for the file name that `$schema` lines carry.
    let name = kind.strip_suffix(".schema.json").unwrap_or(&kind);
    if name == "package" {
        return Ok(Json(package::schema()));
    }
    let kind: SchemaKind = name.parse().map_err(|_| ApiError::not_found("schema", name))?;
    Ok(Json(schema(kind)))
}
