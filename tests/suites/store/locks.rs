//! Number locks: whoever writes a suppression and whoever claims the number wait for each other (I2).

use std::time::Duration;

use anyhow::Context as _;
use callwright_engine::domain::suppression::{Source, Suppression};
use callwright_engine::phone::number::PhoneNumber;
use callwright_engine::store::suppression;
use callwright_engine::store::{Db, number_lock};
use callwright_tests::{Backend, TestDb};
use tokio::time::timeout;

use crate::given::{ALICE, BOB, id, now};

/// Long enough for a statement that need not wait, even on a busy machine; a waiting one never ends by itself.
const WAITING: Duration = Duration::from_millis(300);
const PATIENCE: Duration = Duration::from_secs(30);

fn opt_out(number: &str) -> anyhow::Result<Suppression> {
    Ok(Suppression {
        id: id(),
        number: PhoneNumber::e164_only(number)?,
        source: Source::OptOut,
        campaign_id: None,
        reason: "stop".to_owned(),
        added_by: String::new(),
        created_at: now(),
        expires_at: None,
    })
}

async fn lock(db: &Db, numbers: &[&str]) -> anyhow::Result<callwright_engine::store::Tx> {
    let mut tx = db.begin().await?;
    number_lock::lock_numbers(&mut tx, numbers).await?;
    Ok(tx)
}

#[tokio::test]
async fn a_claim_waits_for_an_opt_out_and_then_sees_it() -> anyhow::Result<()> {
    let Some(test) = TestDb::open(Backend::Postgres).await? else { return Ok(()) };
    let mut writer = test.db.begin().await?;
    suppression::add_many(&mut writer, &[opt_out(ALICE)?]).await?;
    let db = test.db.clone();
    let mut claim = tokio::spawn(async move {
        let mut tx = lock(&db, &[BOB, ALICE]).await?;
        anyhow::Ok(suppression::of_numbers(&mut tx, &[ALICE]).await?.len())
    });
    assert!(timeout(WAITING, &mut claim).await.is_err(), "the claim did not wait");
    writer.commit().await?;
    assert_eq!(timeout(PATIENCE, claim).await???, 1);
    Ok(())
}

#[tokio::test]
async fn other_numbers_are_not_held_up() -> anyhow::Result<()> {
    let Some(test) = TestDb::open(Backend::Postgres).await? else { return Ok(()) };
    let _held = lock(&test.db, &[ALICE]).await?;
    timeout(PATIENCE, lock(&test.db, &[BOB])).await.context("waited for another number")??;
    Ok(())
}

#[tokio::test]
async fn an_import_holds_back_every_claim_and_waits_for_those_under_way() -> anyhow::Result<()> {
    let Some(test) = TestDb::open(Backend::Postgres).await? else { return Ok(()) };
    let claim = lock(&test.db, &[ALICE]).await?;
    let db = test.db.clone();
    let mut import = tokio::spawn(async move {
        let mut tx = db.begin().await?;
        suppression::import_many(&mut tx, &[opt_out(BOB)?]).await?;
        anyhow::Ok(tx)
    });
    assert!(timeout(WAITING, &mut import).await.is_err(), "the import did not wait");
    claim.commit().await?;
    let import = timeout(PATIENCE, import).await???;
    assert!(timeout(WAITING, lock(&test.db, &[ALICE])).await.is_err(), "a claim did not wait for the import");
    import.commit().await?;
    timeout(PATIENCE, lock(&test.db, &[ALICE])).await??;
    Ok(())
}

#[tokio::test]
async fn crossing_orders_of_numbers_do_not_deadlock() -> anyhow::Result<()> {
    let Some(test) = TestDb::open(Backend::Postgres).await? else { return Ok(()) };
    let numbers: Vec<String> = (0..40).map(|n| format!("+1303444{n:04}")).collect();
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            let (db, mut numbers) = (test.db.clone(), numbers.clone());
            numbers.rotate_left(n * 5);
            tokio::spawn(async move {
                for _ in 0..5 {
                    let mut tx = db.begin().await?;
                    number_lock::lock_numbers(&mut tx, &numbers).await?;
                    tx.commit().await?;
                }
                anyhow::Ok(())
            })
        })
        .collect();
    for task in tasks {
        timeout(PATIENCE, task).await???;
    }
    Ok(())
}
