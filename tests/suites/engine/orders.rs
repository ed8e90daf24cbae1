//! The law of callbacks (I5): whatever order they come in, however often, and however late the provider's own answer is, the
//! same facts end in the same state.

use std::collections::BTreeMap;

use callwright_engine::domain::outcome::Outcome;
use callwright_engine::flow::session::{Conversation, Effect};
use callwright_engine::id::{AttemptId, LeadId};
use callwright_engine::provider::{Placement, ReportedFact};

use callwright_engine::store::Db;
use callwright_tests::TestDb;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::json;

use crate::facts::{said, talk};
use crate::fake::Fake;
use crate::given::{World, noon};

/// How one set of facts arrives.
#[derive(Debug, Clone)]
struct Arrival {
    /// Indexes into the facts, in the order of arrival; some come more than once.
    order: Vec<usize>,
    /// Reports per callback.
    batch: usize,
    /// The provider's own answer to the question never came.
    answer_lost: bool,
}

fn arrivals() -> impl Strategy<Value = Arrival> {
    let repeats = prop::collection::vec(0_usize..4, 0..4);
    let order = repeats.prop_map(|repeats| (0..4).chain(repeats).collect::<Vec<usize>>()).prop_shuffle();
    (order, 1_usize..4, any::<bool>()).prop_map(|(order, batch, answer_lost)| Arrival {
        order,
        batch,
        answer_lost,
    })
}

fn conversation() -> Conversation {
    let offered = json!({"agentAccepted": false});
    said(
        Outcome::Answered,
        "declined",
        vec![
            Effect::Score { by: 7, because: Some("listened".to_owned()) },
            Effect::Event { kind: "TRIAL_SIGNUP_OFFERED".to_owned(), data: offered },
            Effect::Recording { on: true },
        ],
    )
}

/// Everything a call leaves behind, without ids.
type Trace = (Vec<String>, BTreeMap<String, usize>, String);

async fn trace(world: &World, lead: LeadId) -> anyhow::Result<Trace> {
    let (attempt, walk, stored) =
        (world.last(lead).await?, world.walk(lead).await?, world.stored_lead(lead).await?);
    let state = vec![
        format!("{} {:?}", attempt.state, attempt.outcome),
        format!("{} {:?} placed {}", walk.enrollment.state, walk.result, walk.enrollment.placed),
        format!("{} {} {:?}", stored.status, stored.score, stored.last_contacted_at),
    ];
    let mut events = BTreeMap::new();
    for found in world.events(lead).await? {
        if found.event.kind != "attempt.unknown" {
            *events.entry(found.event.kind).or_default() += 1;
        }
    }
    Ok((state, events, call_row(&world.engine.db, attempt.id).await?))
}

async fn call_row(db: &Db, attempt: AttemptId) -> anyhow::Result<String> {
    const CALL: &str =
        "SELECT status || ' ' || talk_s || ' ' || answered_by || ' ' || answered_at || ' ' || ended_at || ' '
            || outcome || ' ' || disposition || ' ' || recorded || ' ' || length(conversation)
         FROM calls WHERE attempt_id = $1";
    let Db::Sqlite { read, .. } = db else { anyhow::bail!("this law is tried on SQLite") };
    Ok(sqlx::query_scalar(CALL).bind(attempt.to_string()).fetch_one(read).await?)
}

async fn follow(world: &World, index: u32, arrival: &Arrival) -> anyhow::Result<Trace> {
    let (lead, _) = world.welcomed(&format!("+1202{:07}", 4_560_000 + index)).await?;
    let lost = Placement::Unknown { reason: "time-out".to_owned() };
    let provider = if arrival.answer_lost { Fake::default().answering(lost) } else { Fake::default() };
    let attempt = world.dialed(lead, &provider).await?;
    let facts = talk(attempt, noon(), conversation());
    let arriving: Vec<ReportedFact> = arrival.order.iter().map(|index| facts[*index].clone()).collect();
    for batch in arriving.chunks(arrival.batch) {
        world.record(batch.to_vec()).await?;
    }
    trace(world, lead).await
}

#[test]
fn the_same_facts_end_in_the_same_state_in_any_order() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let world = runtime.block_on(async { World::open(TestDb::sqlite().await?).await })?;
    let in_order = Arrival { order: vec![0, 1, 2, 3], batch: 4, answer_lost: false };
    let expected = runtime.block_on(follow(&world, 0, &in_order))?;
    assert_eq!(expected.0[0], r#"finished Some("answered")"#);
    let index = std::cell::Cell::new(0);
    let mut runner = TestRunner::new(Config { cases: 64, failure_persistence: None, ..Config::default() });
    runner.run(&arrivals(), |arrival| {
        index.set(index.get() + 1);
        let seen = runtime
            .block_on(follow(&world, index.get(), &arrival))
            .map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&seen, &expected);
        Ok(())
    })?;
    Ok(())
}
