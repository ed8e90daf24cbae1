//! Importing leads, and everything else that comes in lists, from a streamed body of any length.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use callwright_engine::money::Currency;
use futures_util::StreamExt;
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::http::auth::Caller;
use crate::http::error::{Answer, ApiError, ErrorBody};
use crate::http::extract::Params;
use crate::http::idempotency;
use crate::http::state::App;
use crate::import::{self, ChunkReader, Format, ImportError, ImportKind, Job, Mapping, Report};

/// What the body lists.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImportParams {
    /// `leads` (when left out), `suppressions`, `products`, `purchases` or `interests`.
    pub kind: Option<String>,
    /// What columns mean: `unit_price_gbp=unitPrice,country=-`; `-` leaves one out.
    pub map: Option<String>,
    /// Of amounts in rows that do not say; ISO 4217.
    pub currency: Option<String>,
}

/// Imports rows of CSV (`text/csv`, with a header) or JSON lines (`application/x-ndjson`), matched to leads on file by
/// externalId, else e-mail, else number; products and purchases by their externalId. With an `Idempotency-Key`, an import that was cut off goes on where it stopped.
#[utoipa::path(post, path = "/leads/import", tag = "leads", params(ImportParams), request_body(content = String, content_type = "text/csv"), responses(
    (status = 200, description = "Counts, and the first 100 mistakes by line", body = Report),
    (status = 400, description = "The body or its header cannot be read; what was committed stays", body = ErrorBody),
    (status = 415, description = "Neither CSV nor JSON lines", body = ErrorBody),
))]
pub async fn leads(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Params(params): Params<ImportParams>,
    body: Body,
) -> Answer<Json<Report>> {
    let named = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("text/csv");
    let format = Format::of_content_type(named).ok_or_else(|| {
        let message =
            "send `text/csv` with a header line, or `application/x-ndjson` with one JSON object a line";
        ApiError::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE, message)
    })?;
    let kind = params.kind.as_deref().unwrap_or("leads").parse::<ImportKind>();
    let kind = kind.map_err(|error| ApiError::field("kind", error.to_string()))?;
    let mapping = params.map.as_deref().unwrap_or_default().parse::<Mapping>();
    let mapping = mapping.map_err(|error| ApiError::field("map", error))?;
    let currency = params.currency.as_deref().map(Currency::find).transpose();
    let currency = currency.map_err(|error| ApiError::field("currency", error.to_string()))?;
    let key = headers.get(idempotency::HEADER).and_then(|value| value.to_str().ok());
    let source = key.map_or_else(
        || format!("request:{}", Uuid::new_v4()),
        |key| format!("key:{}:{key}", caller.principal),
    );
    let (sender, reader) = ChunkReader::channel();
    let pump = async move {
        let mut chunks = body.into_data_stream();
        while let Some(chunk) = chunks.next().await {
            if sender.send(chunk.map_err(std::io::Error::other)).await.is_err() {
                return;
            }
        }
    };
    let source = Job::name_source(&source, kind, &mapping);
    let job = Job { kind, format, source, again: false, mapping, currency };
    let (report, ()) = tokio::join!(import::run(&app.engine, job, reader, |_| {}), pump);
    app.ring();
    report.map(Json).map_err(|error| match error {
        ImportError::Source(error) => ApiError::unreadable(format!("the body cannot be read: {error}")),
        ImportError::Header(message) => ApiError::unreadable(message),
        ImportError::Engine(error) => error.into(),
        ImportError::Ended => ApiError::conflict("import-ended", "the import was ended by someone else"),
    })
}
