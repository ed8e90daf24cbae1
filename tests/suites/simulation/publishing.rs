//! A cadence is edited while thousands walk it: the plan's numbers are what then happens, and over the following virtual weeks
//! everybody gets every call that their version says, once, and none before its time (DEF-4, I1, I3, I4, I13).

use std::collections::BTreeMap;

use callwright_engine::clock::{Instant, instant_from_micros};
use callwright_engine::definitions::library::{Bundle, Library};
use callwright_engine::domain::campaign::VoiceClass;
use callwright_engine::domain::lead::Lead;
use callwright_engine::domain::publication::{MapTo, Mode, StepMap};
use callwright_engine::engine::publish::{PublicationPlan, PublicationView, PublishRequest};
use callwright_engine::id::{CampaignId, LeadId};
use callwright_engine::simulate::driver::Pace;
use callwright_engine::simulate::population::Population;
use callwright_engine::store::Db;
use callwright_tests::{Backend, TestDb};
use callwright_workers::provider::simulated::behaviour::{Profile, Seeded};
use callwright_workers::trial::{Setup, Trial, campaigns, people};
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::given::{pace, start};

const FLOW: &str = include_str!("../engine/definitions/hello.flow.yaml");
const SCRIPT: &str = include_str!("../engine/definitions/hello.script.yaml");
const COMMON: &str = include_str!("../../../flows/scripts/common.yaml");

const OLD: &str = r"
cadence: outreach
title: Three calls
steps:
  - { id: first, call: hello }
  - { id: pause, wait: 3 days }
  - { id: second, call: hello }
  - { id: rest, wait: 2 days }
  - { id: third, call: hello }
  - { id: done, end: over }
";

/// A shorter wait, a wait less, a call more.
const NEW: &str = r"
cadence: outreach
title: Four calls
steps:
  - { id: first, call: hello }
  - { id: pause, wait: 1 day }
  - { id: second, call: hello }
  - { id: third, call: hello }
  - { id: week, wait: 7 days }
  - { id: fourth, call: hello }
  - { id: done, end: over }
";

fn library(cadence: &str) -> Library {
    let files = [
        ("cadences/outreach.yaml", cadence),
        ("flows/hello.yaml", FLOW),
        ("flows/scripts/hello.yaml", SCRIPT),
        ("flows/scripts/common.yaml", COMMON),
    ];
    Library::from_files(files).0
}

fn hash(cadence: &str) -> String {
    library(cadence).bundle("outreach").map(|bundle: std::sync::Arc<Bundle>| bundle.hash.clone()).unwrap()
}

/// Nobody ever answers, so everybody walks to the end.
async fn opened(db: &TestDb, cadence: &str, count: u64) -> anyhow::Result<(Trial, CampaignId, Vec<LeadId>)> {
    let nobody =
        Profile { answer: 0.0, no_answer: 0.7, busy: 0.1, voicemail: 0.2, failed: 0.0, ..Profile::default() };
    let source = Seeded { seed: 3, profile: nobody };
    let trial = Trial::open(db.db.clone(), library(cadence), Setup::at(start(), 3), source);
    trial.engine.publish().await?;
    let population = Population::united_states(3);
    let mut leads: Vec<Lead> = Vec::new();
    for index in 0..count {
        let mut person = population.person(index);
        person.preferred_time = None;
        leads.push(people::lead(&person, &trial.engine.ids, start()));
    }
    trial.add_leads(&leads).await?;
    let campaign = campaigns::consented("outreach", VoiceClass::Live, &trial.engine.ids, start())?;
    let campaign = trial.add_campaign(&campaign).await?;
    Ok((trial, campaign, leads.iter().map(|lead| lead.id).collect()))
}

/// Enrolls people and lets the time pass until then.
async fn enroll_until(
    trial: &Trial,
    campaign: CampaignId,
    leads: &[LeadId],
    variables: &Value,
    until: Instant,
) -> anyhow::Result<()> {
    for answer in trial.enroll(campaign, "outreach", leads, variables).await? {
        anyhow::ensure!(answer.is_ok(), "{answer:?}");
    }
    trial.run(Pace { until, ..pace() }, |_| ()).await?;
    trial.clock.advance_to(until);
    Ok(())
}

/// Some calls are planned, and half of those asked for.
async fn begin_calls(trial: &Trial) -> anyhow::Result<()> {
    trial.engine.plan(2 * IN_CALLS).await?;
    let claimed = trial.engine.claim(IN_CALLS, &trial.carrier, "test").await?;
    anyhow::ensure!(claimed.requests.len() as u32 == IN_CALLS, "{} calls", claimed.requests.len());
    trial.engine.place(&trial.carrier, claimed.requests).await?;
    Ok(())
}

const IN_CALLS: u32 = 20;

/// The old cadence under way: half of the people since Monday, the other half since Wednesday. It is Thursday morning; some are
/// in a call, others about to be.
async fn under_way(db: &TestDb, count: u64) -> anyhow::Result<Trial> {
    let (trial, campaign, leads) = opened(db, OLD, count).await?;
    let (early, late) = leads.split_at(leads.len() / 2);
    enroll_until(&trial, campaign, early, &json!({}), start() + TimeDelta::days(2)).await?;
    enroll_until(&trial, campaign, late, &json!({}), start() + TimeDelta::hours(76)).await?;
    trial.clock.advance_to(trial.clock.now() + TimeDelta::minutes(10));
    begin_calls(&trial).await?;
    Ok(trial)
}

/// Applies the edit; answers the plan and the publication after the first round.
async fn apply(
    trial: &Trial,
    cadence: &str,
    mode: Mode,
) -> anyhow::Result<(PublicationPlan, PublicationView, u64)> {
    let steps = match mode {
        Mode::Migrate => StepMap::from([("rest".to_owned(), MapTo::new("end"))]),
        _ => StepMap::new(),
    };
    trial.engine.library.reload(library(cadence));
    let request = PublishRequest { cadence: "outreach".to_owned(), to: None, mode, steps, rate: 500 };
    let plan = trial.engine.plan_publication(&request).await?;
    let token = plan.token.clone().ok_or_else(|| anyhow::anyhow!("{:?}", plan.problems))?;
    let view = trial.engine.apply_publication(&token).await?;
    let left = loop {
        let report = trial.engine.move_enrollments(400).await?;
        if !report.has_more() {
            break report.left;
        }
    };
    Ok((plan, trial.engine.publication(view.publication_id).await?, left))
}

/// Calls that rang: `(enrollment, version, step, asked at, ended at)`, and how each enrollment ended.
struct Books {
    calls: BTreeMap<String, Vec<(String, String, Instant, Instant)>>,
    results: BTreeMap<String, usize>,
}

async fn books(db: &Db) -> anyhow::Result<Books> {
    type Call = (String, String, String, i64, i64);
    const CALLS: &str = "SELECT enrollment_id, version, step, intent_at, finished_at FROM attempts WHERE state = 'finished' ORDER BY intent_at";
    const RESULTS: &str =
        "SELECT coalesce(result, state), count(*) FROM enrollments GROUP BY coalesce(result, state)";
    let (calls, results): (Vec<Call>, Vec<(String, i64)>) = match db {
        Db::Sqlite { read, .. } => {
            (sqlx::query_as(CALLS).fetch_all(read).await?, sqlx::query_as(RESULTS).fetch_all(read).await?)
        }
        Db::Postgres { pool, .. } => {
            (sqlx::query_as(CALLS).fetch_all(pool).await?, sqlx::query_as(RESULTS).fetch_all(pool).await?)
        }
    };
    let mut by_enrollment: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for (enrollment, version, step, asked, ended) in calls {
        let call = (version, step, instant_from_micros(asked), instant_from_micros(ended));
        by_enrollment.entry(enrollment).or_default().push(call);
    }
    let results = results.into_iter().map(|(result, count)| (result, count as usize)).collect();
    Ok(Books { calls: by_enrollment, results })
}

/// The shortest time that must lie between two calls of a version.
fn at_least(is_new: bool, from: &str, to: &str) -> TimeDelta {
    match (is_new, from, to) {
        (false, "first", "second") => TimeDelta::days(3),
        (false, "second", "third") => TimeDelta::days(2),
        (true, "first", "second") => TimeDelta::days(1),
        (true, "third", "fourth") => TimeDelta::days(7),
        _ => TimeDelta::zero(),
    }
}

/// How many walk: `CALLWRIGHT_SCENARIO_PEOPLE` makes more of them, such as 10000.
fn people_walking(few: u64) -> anyhow::Result<u64> {
    match std::env::var("CALLWRIGHT_SCENARIO_PEOPLE") {
        Ok(text) => Ok(text.parse()?),
        Err(_) => Ok(few),
    }
}

async fn follows(db: TestDb, few: u64, mode: Mode) -> anyhow::Result<()> {
    let people = people_walking(few)?;
    let trial = under_way(&db, people).await?;
    let (plan, view, left) = apply(&trial, NEW, mode).await?;
    assert_eq!(plan.running, people, "everybody is still under way");
    if mode == Mode::Pin {
        assert_eq!((plan.stays, view.moved, view.ended), (people, 0, 0));
    } else {
        assert!(
            plan.at_once > 0 && plan.earlier > plan.at_once && plan.in_calls == u64::from(IN_CALLS),
            "{plan:?}"
        );
        assert_eq!((view.moved, view.ended, left), (plan.moves, plan.ends, plan.in_calls));
        assert_eq!(view.at_once, plan.at_once);
    }
    let ran = trial.run(Pace { until: start() + TimeDelta::days(90), ..pace() }, |_| ()).await?;
    assert!(ran.finished, "somebody still waits");
    let view = trial.engine.publication(view.publication_id).await?;
    assert_eq!(view.state.as_str(), "done");
    assert_eq!(
        view.moved + view.ended,
        if mode == Mode::Pin { 0 } else { people },
        "those in calls have followed"
    );

    let report = trial.report().await?;
    assert!(report.audit.is_clean(), "{}: {:?}", report.audit, report.audit.findings);
    let books = books(&db.db).await?;
    let out = view.ended as usize;
    let mut expected = BTreeMap::from([("over".to_owned(), people as usize - out)]);
    if out > 0 {
        expected.insert("step_removed".to_owned(), out);
    }
    assert_eq!(books.results, expected);
    assert_eq!(books.calls.len() as u64, people, "nobody was left out");
    let mut walks: BTreeMap<String, usize> = BTreeMap::new();
    let new = hash(NEW);
    for (enrollment, calls) in &books.calls {
        for pair in calls.windows(2) {
            let ((_, from, _, ended), (version, to, asked, _)) = (&pair[0], &pair[1]);
            let gap = *asked - *ended;
            assert!(
                gap >= at_least(*version == new, from, to),
                "{enrollment}: {to} comes {gap} after {from}"
            );
        }
        let steps: Vec<&str> = calls.iter().map(|(_, step, ..)| step.as_str()).collect();
        *walks.entry(steps.join(" ")).or_default() += 1;
    }
    let expected = match mode {
        Mode::Pin => BTreeMap::from([("first second third".to_owned(), people as usize)]),
        Mode::Migrate => BTreeMap::from([
            ("first second".to_owned(), out),
            ("first second third fourth".to_owned(), people as usize - out),
        ]),
        _ => BTreeMap::from([("first second third fourth".to_owned(), people as usize)]),
    };
    assert_eq!(walks, expected, "every call once, in order");
    Ok(())
}

/// The same two versions, but those whose offer says so begin at `rest`: many people on every kind of step without many calls.
fn large(cadence: &str, go: &str) -> String {
    let begin = format!("  - {{ id: first, branch: [ {{ if: offer.type == 'rest', go: {go} }} ] }}");
    cadence.replace("  - { id: first, call: hello }", &begin)
}

#[tokio::test]
async fn what_a_plan_says_about_ten_thousand_is_what_happens_to_them() -> anyhow::Result<()> {
    let db = TestDb::sqlite().await?;
    let (trial, campaign, leads) = opened(&db, &large(OLD, "rest"), 10_000).await?;
    let resting = json!({"offer": {"type": "rest"}});
    // Over before anybody may be called; for a day and a half; resting; since this morning.
    let (over, rest) = leads.split_at(500);
    let (long, rest) = rest.split_at(4_000);
    let (at_rest, fresh) = rest.split_at(3_500);
    let hour = |hour: i64| start() + TimeDelta::hours(hour);
    enroll_until(&trial, campaign, over, &json!({}), hour(40)).await?;
    enroll_until(&trial, campaign, long, &json!({}), hour(50)).await?;
    enroll_until(&trial, campaign, at_rest, &resting, hour(72)).await?;
    enroll_until(&trial, campaign, fresh, &json!({}), hour(73)).await?;
    trial.clock.advance_to(hour(80));
    begin_calls(&trial).await?;

    let (plan, view, left) = apply(&trial, &large(NEW, "third"), Mode::Follow).await?;
    assert_eq!((plan.running, plan.ends, plan.in_calls), (10_000, 0, u64::from(IN_CALLS)));
    let on = |step: &str, to: &str| {
        let found = plan.steps.iter().find(|each| each.step == step).unwrap();
        assert_eq!(found.to.as_deref(), Some(to));
        found.people
    };
    assert_eq!((on("pause", "pause"), on("rest", "third"), on("second", "second")), (6_000, 3_500, 500));
    // Those at rest are done resting, those in their second day of the pause are done with it; the fresh ones only wake earlier.
    assert_eq!((plan.at_once, plan.earlier, plan.later), (7_500, 9_500, 0));
    assert_eq!((view.moved, view.ended, view.at_once, left), (plan.moves, 0, plan.at_once, plan.in_calls));

    let now = stands(&db.db).await?;
    let (old, new) = (hash(&large(OLD, "rest")), hash(&large(NEW, "third")));
    let people =
        |version: &String, step: &str| now.get(&(version.clone(), step.to_owned())).copied().unwrap_or(0);
    assert_eq!((people(&new, "pause"), people(&new, "third")), (2_000, 3_500));
    assert_eq!(
        (people(&new, "second"), people(&old, "second")),
        (4_480, 20),
        "the pause is over; twenty are in a call"
    );
    Ok(())
}

/// People by version and step.
async fn stands(db: &Db) -> anyhow::Result<BTreeMap<(String, String), i64>> {
    const STANDS: &str =
        "SELECT version, step, count(*) FROM enrollments WHERE state <> 'ended' GROUP BY version, step";
    let Db::Sqlite { read, .. } = db else { anyhow::bail!("made for SQLite") };
    let rows: Vec<(String, String, i64)> = sqlx::query_as(STANDS).fetch_all(read).await?;
    Ok(rows.into_iter().map(|(version, step, people)| ((version, step), people)).collect())
}

#[tokio::test]
async fn followers_get_every_call_once_and_none_too_early() -> anyhow::Result<()> {
    follows(TestDb::sqlite().await?, 400, Mode::Follow).await
}

#[tokio::test]
async fn people_on_a_removed_step_are_sent_out_by_a_map() -> anyhow::Result<()> {
    follows(TestDb::sqlite().await?, 300, Mode::Migrate).await
}

#[tokio::test]
async fn the_pinned_walk_on_as_if_nothing_had_happened() -> anyhow::Result<()> {
    follows(TestDb::sqlite().await?, 200, Mode::Pin).await
}

#[tokio::test]
async fn they_follow_on_postgres_too() -> anyhow::Result<()> {
    let Some(db) = TestDb::open(Backend::Postgres).await? else { return Ok(()) };
    follows(db, 200, Mode::Follow).await
}
