//! `callwright trigger` as people and scripts run it, on a shop with many buyers; and killed in the middle of them.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, Instant};

use callwright_engine::definitions::library::{Library, LibraryHandle};
use callwright_engine::domain::campaign::VoiceClass;
use callwright_engine::domain::new_product::NewProduct;
use callwright_engine::domain::new_purchase::NewPurchase;
use callwright_engine::domain::product::ChangeSource;
use callwright_engine::engine::{Engine, TimeSource};
use callwright_engine::id::IdSource;
use callwright_engine::simulate::population::Population;
use callwright_engine::store::{Db, campaign, crowd, lead, product, purchase};
use callwright_tests::faults::process::Process;
use callwright_tests::{TestDb, on_both};
use callwright_workers::trial::{campaigns, people};
use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

/// Everybody bought `iphone` for 999.99 yesterday.
async fn buyers(db: &Db, count: u64) -> anyhow::Result<()> {
    let (library, ids) = (Arc::new(LibraryHandle::new(Library::embedded())), Arc::new(IdSource::seeded(11)));
    let engine = Engine::new(db.clone(), library, TimeSource::Database, ids);
    engine.publish().await?;
    let now = Utc::now();
    let first = people::leads(&Population::united_states(3), [1 << 40], &engine.ids, now);
    let number = |text: &str| serde_json::from_str(text).map(Some);
    let phone = NewProduct {
        external_id: "iphone".into(),
        name: Some("iPhone 15 Pro".to_owned()),
        currency: Some("USD".to_owned()),
        price: number("999.99")?,
        ..NewProduct::default()
    };
    let bought = NewPurchase {
        lead_id: Some(first[0].id.to_string()),
        product_id: Some("iphone".to_owned()),
        unit_price: number("999.99")?,
        purchased_at: Some(now - TimeDelta::days(1)),
        ..NewPurchase::default()
    };
    let mut tx = db.begin().await?;
    campaign::create(&mut tx, &campaigns::consented("sale", VoiceClass::Live, &engine.ids, now)?).await?;
    lead::insert_many(&mut tx, &first).await?;
    product::upsert_many(&mut tx, &engine.ids, &[phone], ChangeSource::Import, now).await?;
    purchase::upsert_many(&mut tx, &engine.ids, &[bought], now).await?;
    tx.commit().await?;
    crowd::fill(db, first[0].id, count - 1, None, |_| ()).await?;
    Ok(crowd::purchases(db, first[0].id, count - 1).await?)
}

fn command(url: &str, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callwright-under-test"));
    command.args(arguments).current_dir(folder).env("DATABASE_URL", url).env_remove("CALLWRIGHT_DEFINITIONS");
    command
}

fn callwright(db: &TestDb, folder: &Path, arguments: &[&str]) -> Output {
    command(&db.url, folder, arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

fn parsed(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(output)))
}

async fn counted(db: &Db, statement: &'static str) -> anyhow::Result<i64> {
    Ok(match db {
        Db::Sqlite { read, .. } => sqlx::query_scalar(statement).fetch_one(read).await?,
        Db::Postgres { pool, .. } => sqlx::query_scalar(statement).fetch_one(pool).await?,
    })
}

const DROP: [&str; 8] =
    ["trigger", "price-drop", "--product", "iphone", "--new", "849.99", "--campaign", "sale"];
const JSON: [&str; 2] = ["--format", "json"];
/// Longest wait for a process to come somewhere.
const PATIENCE: Duration = Duration::from_mins(1);

on_both! {
    async fn a_trigger_is_tried_out_raised_shown_and_cancelled(db) {
        let folder = tempfile::tempdir()?;
        let folder = folder.path();
        buyers(&db.db, 3).await?;
        let run = |arguments: &[&str]| callwright(&db, folder, arguments);
        let with = |more: &[&'static str]| [&DROP[..], more].concat();

        let dry = parsed(&run(&with(&["--dry-run", "--format", "json"])));
        assert_eq!((&dry["eligible"], &dry["offersAtMost"]), (&json!(3), &json!(450.0)));
        let dry = run(&with(&["--dry-run"]));
        assert!(said(&dry).contains("nothing is written") && said(&dry).contains("$450.00"), "{}", said(&dry));
        assert_eq!(counted(&db.db, "SELECT count(*) FROM triggers").await?, 0);

        let raised = parsed(&run(&with(&JSON)));
        assert_eq!((&raised["eligible"], &raised["status"]), (&json!(3), &json!("done")));
        let again = run(&DROP);
        assert!(said(&again).contains("nobody more is called"), "{}", said(&again));
        let id = raised["triggerId"].as_str().unwrap();
        let shown = parsed(&run(&["trigger", "show", id, "--format", "json"]));
        assert_eq!((&shown["newPrice"], &shown["eligible"]), (&json!(849.99), &json!(3)));
        let listed = run(&["trigger", "list", "--status", "done"]);
        assert!(said(&listed).contains(id), "{}", said(&listed));

        let cancelled = run(&["trigger", "cancel", id]);
        assert!(said(&cancelled).contains("cancelled"), "{}", said(&cancelled));
        assert_eq!(counted(&db.db, "SELECT count(*) FROM enrollments WHERE state <> 'ended'").await?, 0);
        assert_eq!(counted(&db.db, "SELECT count(*) FROM coupons WHERE state <> 'revoked'").await?, 0);
        let none = parsed(&run(&["trigger", "list", "--status", "done", "--format", "json"]));
        assert_eq!(none["items"], json!([]));

        for (arguments, problem) in [
            (&["trigger", "price-drop", "--product", "nothing", "--new", "1"][..], "product `nothing` does not exist"),
            (&["trigger", "price-drop", "--product", "iphone", "--new", "849.999", "--campaign", "sale"], "849.999"),
            (&["trigger", "price-drop", "--product", "iphone", "--new", "2000", "--campaign", "sale"], "newPrice"),
            (&["trigger", "show", "01890a5d-ac96-774b-bcce-b302099a8057"], "does not exist"),
        ] {
            let refused = run(arguments);
            assert!(!refused.status.success() && said(&refused).contains(problem), "{arguments:?}: {}", said(&refused));
        }
    }

    async fn a_fan_out_that_is_killed_in_the_middle_loses_and_doubles_nobody(db) {
        const PEOPLE: i64 = 4_000;
        const DONE: &str = "SELECT count(*) FROM trigger_leads";
        let folder = tempfile::tempdir()?;
        buyers(&db.db, PEOPLE as u64).await?;
        // Three processes are killed, each after it has brought the trigger a step further.
        let mut before = 0;
        for nth in 0..3 {
            let process = Process::start("trigger", folder.path(), command(&db.url, folder.path(), &DROP))?;
            let began = Instant::now();
            loop {
                let done = counted(&db.db, DONE).await?;
                if done > before {
                    break;
                }
                anyhow::ensure!(began.elapsed() < PATIENCE, "process {nth} does nothing:\n{}", process.tail());
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            process.kill()?;
            before = counted(&db.db, DONE).await?;
            anyhow::ensure!(before < PEOPLE, "process {nth} was not killed in the middle");
        }
        let last = callwright(&db, folder.path(), &DROP);
        assert!(said(&last).contains("not finished: now it is"), "{}", said(&last));
        for statement in [
            DONE,
            "SELECT count(DISTINCT lead_id) FROM enrollments",
            "SELECT count(*) FROM enrollments",
            "SELECT count(DISTINCT lead_id) FROM coupons",
            "SELECT count(*) FROM coupons WHERE state = 'issued'",
            "SELECT eligible FROM triggers WHERE state = 'done'",
        ] {
            assert_eq!(counted(&db.db, statement).await?, PEOPLE, "{statement}");
        }
    }
}
