//! Streamed imports: counts, mistakes by line, and going on where an import was cut off.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use axum::http::{Request, StatusCode};
use callwright_api::import::{Format, Job, Mapping, run};
use callwright_engine::id::ImportId;
use callwright_engine::store::edge::{self, Edge, Fate, Pause};
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

/// A process that is gone after so many commits.
#[derive(Debug)]
struct GoneAfter(AtomicUsize);

impl Edge for GoneAfter {
    fn begins(&self, _: bool) -> Pause<'_> {
        Box::pin(async {})
    }

    fn commits(&self) -> Pin<Box<dyn Future<Output = Fate> + Send + '_>> {
        let left = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        Box::pin(async move { if left.is_ok() { Fate::Applied } else { Fate::NotApplied } })
    }

    fn committed(&self) -> Pause<'_> {
        Box::pin(async {})
    }
}

#[tokio::test]
async fn whoever_a_file_marks_is_left_alone_at_their_number_wherever_its_import_was_cut_off() {
    const MARKED: &str = "externalId,doNotCall\nlead_123,true\n";
    let mut cut_off = 0;
    for commits in 0..6 {
        let desk = Desk::open().await.with_lead().await;
        let job = Job {
            kind: ImportKind::Leads,
            format: Format::Csv,
            source: "file-1".to_owned(),
            again: false,
            mapping: Mapping::default(),
            currency: None,
        };
        let run = |job| run(&desk.engine, job, MARKED.as_bytes(), |_| ());
        let gone = Arc::new(GoneAfter(commits.into()));
        cut_off += usize::from(edge::within(gone, run(job.clone())).await.is_err());
        let report = run(job).await.unwrap();
        assert_eq!((report.rows_read, report.rejected), (1, 0), "after {commits} commits");
        let listed = desk.get("/api/v1/crm/suppressions?phone=%2B12124567890").await.ok();
        assert_eq!(listed["items"].as_array().unwrap().len(), 1, "after {commits} commits");
    }
    assert_eq!(cut_off, 5, "opened, rows, opted out, progress, end");
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

const ORDERS: &str = "invoice,stock_code,description,quantity,purchased_at,cost_gbp,customer,land\n\
    1001,LAMP,Brass lamp,6,2010-12-01T08:26:00,2.55,17850,United Kingdom\n\
    1001,DESK,Oak desk,1,2010-12-01T08:26:00,105.00,17850,United Kingdom\n\
    1001,LAMP,Brass lamp,2,2010-12-01T08:26:00,2.55,17850,United Kingdom\n\
    1002,LAMP,Brass lamp,1,2010-12-02T09:00:00,2.10,13047,France\n";
const COLUMNS: &str = "?kind=purchases&currency=GBP&map=cost_gbp%3DunitPrice,land%3D-";

#[tokio::test]
async fn orders_bring_their_customers_and_products_and_may_come_again() {
    let desk = Desk::open().await;
    let report = import(&desk, COLUMNS, "text/csv", ORDERS, None).await.ok();
    assert_eq!((&report["created"], &report["rejected"]), (&json!(4), &json!(0)), "{report}");
    let again = import(&desk, COLUMNS, "text/csv", ORDERS, None).await.ok();
    assert_eq!((&again["created"], &again["updated"]), (&json!(0), &json!(4)), "{again}");
    let count = async |path: &str| desk.get(path).await.ok()["items"].as_array().unwrap().len();
    assert_eq!(count("/api/v1/crm/purchases").await, 4);
    assert_eq!(count("/api/v1/crm/products").await, 2);
    assert_eq!(count("/api/v1/crm/leads?status=customer").await, 2);
    let lamp = desk.get("/api/v1/crm/products/LAMP").await.ok();
    assert_eq!(
        (&lamp["price"], &lamp["currency"], &lamp["name"]),
        (&json!(2.55), &json!("GBP"), &json!("Brass lamp"))
    );
    let third = desk.get("/api/v1/crm/purchases/1001%2FLAMP%232").await.ok();
    assert_eq!((&third["quantity"], &third["total"]), (&json!(2), &json!(5.10)));
    let customer = desk.get("/api/v1/crm/leads/17850").await.ok();
    assert_eq!((&customer["phone"], &customer["externalId"]), (&json!(null), &json!("17850")));
}

#[tokio::test]
async fn a_wrong_order_line_is_named_and_stops_no_other() {
    let desk = Desk::open().await;
    let csv = "orderId,productId,productName,customer,quantity,price,country\n\
               1,a,Lamp,c1,1,5.00,GB\n\
               1,b,Lamp,c1,-6,5.00,GB\n\
               1,c,Lamp,c2,1,5.005,GB\n\
               2,d,,c1,1,5.00,GB\n\
               3,a,Lamp,c3,1,5.00,Utopia\n\
               ,a,Lamp,c1,1,5.00,GB\n";
    let report = import(&desk, "?kind=purchases&currency=GBP", "text/csv", csv, None).await.ok();
    assert_eq!((&report["created"], &report["rejected"]), (&json!(1), &json!(5)), "{report}");
    let mut wrong: Vec<(u64, String)> = report["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| {
            (error["line"].as_u64().unwrap(), error["field"].as_str().unwrap_or_default().to_owned())
        })
        .collect();
    wrong.sort();
    let expected = [(3, "quantity"), (4, "price"), (5, "productId"), (6, "country"), (7, "externalId")];
    assert_eq!(wrong, expected.map(|(line, field)| (line, field.to_owned())));
}

#[tokio::test]
async fn a_catalogue_is_imported_with_fields_of_its_own() {
    let desk = Desk::open().await;
    let csv = "sku,name,price,stock,tags,colour\na,Lamp,849.99,5,new;sale,brass\nb,Desk,cheap,1,,oak\n";
    let report = import(&desk, "?kind=products&currency=USD", "text/csv", csv, None).await.ok();
    assert_eq!(
        (&report["created"], &report["rejected"], &report["errors"][0]["field"]),
        (&json!(1), &json!(1), &json!("price"))
    );
    let lamp = desk.get("/api/v1/crm/products/a").await.ok();
    assert_eq!((&lamp["price"], &lamp["attributes"]["colour"]), (&json!(849.99), &json!("brass")));
    let lines = "{\"externalId\": \"a\", \"price\": 799.99}\n";
    let report = import(&desk, "?kind=products", "application/x-ndjson", lines, None).await.ok();
    assert_eq!(report["updated"], 1, "{report}");
    assert_eq!(desk.get("/api/v1/crm/products/a/prices").await.ok()["items"][0]["source"], "import");
    let interests = "customer,sku,kind\nlead_123,a,wish_list\nlead_123,z,\nnobody,a,\n";
    let desk = desk.with_lead().await;
    let report = import(&desk, "?kind=interests", "text/csv", interests, None).await.ok();
    assert_eq!((&report["created"], &report["rejected"]), (&json!(1), &json!(2)), "{report}");
}

#[tokio::test]
async fn a_column_nobody_knows_is_refused_with_the_way_out() {
    let desk = Desk::open().await;
    let reply = import(&desk, "?kind=purchases", "text/csv", ORDERS, None).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert!(
        reply.body["error"]["message"].as_str().unwrap().contains("column `cost_gbp` is not known"),
        "{}",
        reply.body
    );
}
