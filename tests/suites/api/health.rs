//! Alive, working, ready: three questions, three answers, and every check named.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Request, StatusCode};
use callwright_api::http::{Access, App, operations, router};
use callwright_engine::store::Db;
use callwright_workers::bell::Bell;
use callwright_workers::heartbeat::Heartbeat;

use crate::desk::{Desk, Reply};

/// A desk whose app is at hand.
async fn desk() -> (Desk, App) {
    let mut desk = Desk::open().await;
    let app = App::new(Arc::clone(&desk.engine), Access::Keys, Bell::new());
    desk.app = router(app.clone());
    (desk, app)
}

async fn ask(desk: &Desk, path: &str) -> Reply {
    desk.request(Request::get(path).body(Body::empty()).unwrap()).await
}

fn check<'a>(reply: &'a Reply, name: &str) -> &'a serde_json::Value {
    let checks = reply.body["checks"].as_array().unwrap();
    checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no `{name}`: {}", reply.body))
}

#[tokio::test]
async fn a_process_that_can_work_is_ready_and_says_by_which_checks() {
    let (desk, _) = desk().await;
    let reply = ask(&desk, "/readyz").await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    for name in ["accepting", "database", "migrations", "clock"] {
        assert_eq!(check(&reply, name)["ok"], true, "{name}: {}", reply.body);
    }
    assert!(reply.body["lag"]["enrollmentOldestDueSeconds"].is_number(), "{}", reply.body);
}

#[tokio::test]
async fn a_process_that_stops_wants_no_new_requests_and_is_healthy() {
    let (mut desk, app) = desk().await;
    let draining = Arc::new(AtomicBool::new(false));
    desk.app = router(app.with_draining(Arc::clone(&draining)));
    assert_eq!(ask(&desk, "/readyz").await.status, StatusCode::OK);
    draining.store(true, Ordering::SeqCst);
    let reply = ask(&desk, "/readyz").await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        (&check(&reply, "accepting")["ok"], &check(&reply, "database")["ok"]),
        (&false.into(), &true.into())
    );
    assert_eq!(ask(&desk, "/healthz").await.status, StatusCode::OK);
}

#[tokio::test]
async fn without_its_database_it_is_not_ready_and_still_no_reason_to_restart_it() {
    let (desk, _) = desk().await;
    desk.engine.db.close().await;
    let reply = ask(&desk, "/readyz").await;
    assert_eq!(
        (reply.status, &check(&reply, "database")["ok"]),
        (StatusCode::SERVICE_UNAVAILABLE, &false.into())
    );
    assert_eq!(ask(&desk, "/healthz").await.status, StatusCode::OK);
    assert_eq!(ask(&desk, "/livez").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_database_that_lacks_a_migration_is_not_ready() {
    let (desk, _) = desk().await;
    let Db::Sqlite { write, .. } = &desk.engine.db else { unreachable!() };
    sqlx::query("DELETE FROM callwright_migrations WHERE version = 2").execute(write).await.unwrap();
    let reply = ask(&desk, "/readyz").await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(check(&reply, "migrations")["detail"], "1 missing");
}

#[tokio::test]
async fn a_database_that_takes_no_write_is_not_ready() {
    let (desk, _) = desk().await;
    let Db::Sqlite { write, .. } = &desk.engine.db else { unreachable!() };
    sqlx::query("PRAGMA query_only = ON").execute(write).await.unwrap();
    let reply = ask(&desk, "/readyz").await;
    assert_eq!(
        (reply.status, &check(&reply, "database")["ok"]),
        (StatusCode::SERVICE_UNAVAILABLE, &false.into())
    );
}

#[tokio::test]
async fn a_dial_loop_that_hangs_is_a_reason_to_restart() {
    let desk = Desk::open().await;
    let heartbeat = Arc::new(Heartbeat::default());
    let app = App::new(Arc::clone(&desk.engine), Access::Keys, Bell::new())
        .with_heartbeat(Arc::clone(&heartbeat));
    let desk = Desk { app: router(app), ..desk };
    assert_eq!(ask(&desk, "/livez").await.ok()["dialLoop"], "none");
    heartbeat.beat();
    assert_eq!(ask(&desk, "/livez").await.ok()["dialLoop"], "moving");
    heartbeat.beat_at(Instant::now().checked_sub(Duration::from_secs(121)).unwrap());
    let reply = ask(&desk, "/livez").await;
    assert_eq!((reply.status, &reply.body["dialLoop"]), (StatusCode::SERVICE_UNAVAILABLE, &"hanging".into()));
    heartbeat.stopped();
    assert_eq!(ask(&desk, "/livez").await.ok()["dialLoop"], "stopped");
}

#[tokio::test]
async fn an_address_for_watching_shows_health_and_metrics_and_nothing_else() {
    let (desk, app) = desk().await;
    let desk = Desk { app: operations(app), ..desk };
    for path in ["/healthz", "/readyz", "/livez", "/metrics"] {
        assert_eq!(ask(&desk, path).await.status, StatusCode::OK, "{path}");
    }
    assert_eq!(desk.get("/api/v1/crm/leads").await.status, StatusCode::NOT_FOUND);
}
