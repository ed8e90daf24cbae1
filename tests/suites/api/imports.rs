//! Streamed imports: counts, mistakes by line, and going on where an import was cut off.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use callwright_engine::id::ImportId;
use callwright_engine::store::import::{self, ImportKind, Progress};
use serde_json::json;

use crate::desk::{Desk, Reply, noon};

async fn import(desk: &Desk, query: &str, kind: &str, body: &str, key: Option<&str>) -> Reply {
    let mut request = Request::post(format!("/api/v1/crm/leads/import{query}"))
        .header("authorization", format!("Bearer {}", desk.key))
        .header("content-type", kind);
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    desk.request(request.body(Body::from(body.to_owned())).unwrap()).await
}

#[tokio::test]
async fn good_rows_are_written_and_bad_ones_named_by_line() {
    let desk = Desk::open().await.with_lead().await;
    let csv = "Email,First Name,Phone,Score,plan\n\
               alice@example.com,Alicia,,,pro\n\
               bob@example.com,Bob,+13035551234,55,\n\
               nonsense,Carl,,,\n\
               dora@example.com,Dora,,high,\n";
    let report = import(&desk, "", "text/csv", csv, None).await.ok();
    assert_eq!(
        (&report["rowsRead"], &report["created"], &report["updated"], &report["rejected"]),
        (&json!(4), &json!(1), &json!(1), &json!(2))
    );
    let lines: Vec<_> =
        report["errors"].as_array().unwrap().iter().map(|error| error["line"].as_u64().unwrap()).collect();
    assert_eq!(
        {
            let mut lines = lines;
            lines.sort_unstable();
            lines
        },
        [4, 5]
    );
    let alice = desk.get("/api/v1/crm/leads/lead_123").await.ok();
    assert_eq!(
        (&alice["firstName"], &alice["custom"]["plan"], &alice["phone"]),
        (&json!("Alicia"), &json!("pro"), &json!("+12124567890"))
    );
}

#[tokio::test]
async fn json_lines_are_read_too() {
    let desk = Desk::open().await;
    let lines = "{\"externalId\":\"a\",\"phone\":\"+12124567891\"}\n{\"externalId\":\"b\",\"phnoe\":\"+12124567892\"}\n";
    let report = import(&desk, "", "application/x-ndjson", lines, None).await.ok();
    assert_eq!((&report["created"], &report["rejected"]), (&json!(1), &json!(1)));
    assert!(report["errors"][0]["message"].as_str().unwrap().contains("did you mean `phone`?"), "{report}");
}

#[tokio::test]
async fn an_import_that_was_cut_off_goes_on_where_it_stopped() {
    let desk = Desk::open().await;
    let mut tx = desk.engine.db.begin().await.unwrap();
    let id: ImportId = desk.engine.ids.next(noon());
    let key = callwright_engine::store::api_key::list(&mut tx).await.unwrap()[0].id;
    import::start(&mut tx, id, ImportKind::Leads, &format!("key:key:{key}:file-1"), noon()).await.unwrap();
    let before = Progress { rows_read: 1, created: 1, ..Progress::default() };
    assert!(import::progress(&mut tx, id, &before, noon()).await.unwrap());
    tx.commit().await.unwrap();
    let csv = "email\nfirst@example.com\nsecond@example.com\n";
    let report = import(&desk, "", "text/csv", csv, Some("file-1")).await.ok();
    assert_eq!((&report["rowsRead"], &report["created"]), (&json!(2), &json!(2)));
    let leads = desk.get("/api/v1/crm/leads").await.ok();
    assert_eq!(
        leads["items"].as_array().unwrap().len(),
        1,
        "the first row was counted before and is skipped"
    );
    let again = import(&desk, "", "text/csv", csv, Some("file-1")).await.ok();
    assert_eq!(again["repeated"], true);
}

#[tokio::test]
async fn suppressed_numbers_can_be_imported() {
    let desk = Desk::open().await;
    let csv = "phone,reason\n+12124567890,registry\nnonsense,x\n";
    let report = import(&desk, "?kind=suppressions", "text/csv", csv, None).await.ok();
    assert_eq!((&report["created"], &report["rejected"]), (&json!(1), &json!(1)));
    let listed = desk.get("/api/v1/crm/suppressions?phone=%2B12124567890").await.ok();
    assert_eq!(listed["items"][0]["source"], "national_registry");
}

#[tokio::test]
async fn what_is_no_table_is_refused() {
    let desk = Desk::open().await;
    assert_eq!(
        import(&desk, "", "application/pdf", "x", None).await.status,
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
    let reply = import(&desk, "", "text/csv", "emial\nx\n", None).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert!(reply.body["error"]["message"].as_str().unwrap().contains("did you mean `email`?"));
}
