//! The law of opting out (CRM-5, I2): wherever among enrolling, planning, claiming, asking, ringing and recording a stop commits,
//! and however it is said, nothing is asked for at the number afterwards, by whichever lead; everybody's enrollments there
//! have ended; and calls under way are ordered to end. The law is shown to fail without two of the measures that keep it.

use std::sync::{Arc, Mutex, PoisonError};

use callwright_engine::domain::outcome::Outcome;
use callwright_engine::engine::{Engine, EngineError, HangUpOrder, Safeguards, TimeSource};
use callwright_engine::flow::session::Effect;
use callwright_engine::id::{AttemptId, IdSource, LeadId};
use callwright_engine::provider::{
    Answer, Capabilities, LookUp, LookUpResult, PlaceRequest, Placement, Provider, ProviderError,
};
use callwright_engine::store::Db;
use callwright_engine::store::attempt::Attempt;
use callwright_tests::TestDb;
use chrono::TimeDelta;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};
use serde_json::json;

use crate::facts::{fact, no_answer, said, talk};
use crate::fake::Fake;
use crate::given::{ALICE, BOB, World};

/// What the dialer, or the carrier, does next.
#[derive(Debug, Clone, Copy)]
enum Op {
    Enroll(usize),
    Plan,
    Claim,
    /// Both in one transaction.
    PlanAndClaim,
    /// Asks for everything claimed and not yet asked for.
    Place,
    /// The newest call rings.
    Ring,
    /// The newest call ends unanswered.
    Finish,
    /// An hour passes, and what came in about erased people is removed.
    Pass,
}

/// How the stop is said.
#[derive(Debug, Clone, Copy)]
enum Way {
    Api,
    Event,
    /// In a call of the person's own; by mail to the API when there is none.
    InCall,
    /// While the provider is being asked: after the last look, before its answer.
    WhileAsked,
    /// The person is erased …
    Erased,
    /// … while the provider is being asked.
    ErasedWhileAsked,
}

#[derive(Debug, Clone)]
struct Story {
    before: Vec<Op>,
    way: Way,
    who: usize,
    after: Vec<Op>,
}

fn ops(most: usize) -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        2 => (0_usize..3).prop_map(Op::Enroll),
        3 => Just(Op::Plan),
        3 => Just(Op::Claim),
        2 => Just(Op::PlanAndClaim),
        3 => Just(Op::Place),
        1 => Just(Op::Ring),
        1 => Just(Op::Finish),
        1 => Just(Op::Pass),
    ];
    prop::collection::vec(op, 0..most)
}

fn stories() -> impl Strategy<Value = Story> {
    let way = prop_oneof![
        Just(Way::Api),
        Just(Way::Event),
        Just(Way::InCall),
        Just(Way::WhileAsked),
        Just(Way::Erased),
        Just(Way::ErasedWhileAsked),
    ];
    (ops(12), way, 0_usize..3, ops(8)).prop_map(|(before, way, who, after)| Story { before, way, who, after })
}

/// Accepts every call, and remembers which numbers it was asked for; may have somebody say stop while it is being asked.
#[derive(Debug, Default)]
struct Carrier {
    asked: Mutex<Vec<(AttemptId, String)>>,
    says_stop: Mutex<Option<(Arc<Engine>, LeadId, bool)>>,
}

impl Carrier {
    fn asked_at(&self, number: &str) -> usize {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.iter().filter(|(_, at)| at == number).count()
    }
}

impl Provider for Carrier {
    fn name(&self) -> &str {
        Fake::NAME
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            look_up: true,
            conclusive_after: Fake::T_REC,
            follows_flow: true,
            packages: false,
            simulated: true,
        }
    }

    fn place(&self, requests: Vec<PlaceRequest>) -> Answer<'_, Vec<Placement>> {
        Box::pin(async move {
            let asked = requests.iter().map(|request| (request.attempt_id, request.to.e164()));
            self.asked.lock().unwrap_or_else(PoisonError::into_inner).extend(asked);
            let says_stop = self.says_stop.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some((engine, lead, erases)) = says_stop {
                say_stop(&engine, lead, erases).await.expect("the stop commits");
            }
            let accept = |request: &PlaceRequest| Placement::Accepted {
                provider_call_id: Fake::call_id(request.attempt_id),
            };
            requests.iter().map(accept).collect()
        })
    }

    fn look_up<'a>(&'a self, _: &'a LookUp) -> Answer<'a, LookUpResult> {
        Box::pin(async { LookUpResult::Absent })
    }

    fn hang_up<'a>(&'a self, _: &'a str) -> Answer<'a, Result<(), ProviderError>> {
        Box::pin(async { Ok(()) })
    }
}

async fn say_stop(engine: &Engine, lead: LeadId, erases: bool) -> Result<(), EngineError> {
    if erases {
        return engine.erase(lead, "dana", "asked", false).await.map(|_| ());
    }
    engine.opt_out(lead, "no more", "api").await
}

/// Two people share Alice's number, the third has Bob's.
const NUMBERS: [&str; 3] = [ALICE, ALICE, BOB];

struct Run {
    world: World,
    carrier: Carrier,
    leads: [LeadId; 3],
    claimed: Vec<PlaceRequest>,
}

impl Run {
    async fn open(safeguards: Safeguards) -> anyhow::Result<Self> {
        let mut world = World::open(TestDb::sqlite().await?).await?;
        let (library, time) =
            (Arc::clone(&world.engine.library), TimeSource::Manual(Arc::clone(&world.clock)));
        let ids = Arc::new(IdSource::seeded(5));
        world.engine = Engine::with_safeguards(world.db.db.clone(), library, time, ids, safeguards);
        let leads =
            [world.lead(NUMBERS[0]).await?, world.lead(NUMBERS[1]).await?, world.lead(NUMBERS[2]).await?];
        Ok(Self { world, carrier: Carrier::default(), leads, claimed: Vec::new() })
    }

    async fn step(&mut self, op: Op) -> anyhow::Result<()> {
        let engine = &self.world.engine;
        match op {
            // Whoever opted out, or is enrolled, is refused: no matter here.
            Op::Enroll(who) => {
                drop(engine.enroll(vec![self.world.request(self.leads[who], "welcome")]).await?);
            }
            Op::Plan => {
                engine.plan(100).await?;
            }
            Op::Claim => self.claimed.extend(engine.claim(100, &self.carrier, "me").await?.requests),
            Op::PlanAndClaim => {
                let (_, claimed) = engine.plan_and_claim(100, &self.carrier, "me").await?;
                self.claimed.extend(claimed.requests);
            }
            Op::Place => {
                let claimed = std::mem::take(&mut self.claimed);
                engine.place(&self.carrier, claimed).await?;
            }
            Op::Ring => {
                if let Some(call) = self.calls(&self.leads).await?.pop() {
                    let ring = fact(
                        call.id,
                        "ringing",
                        self.world.now(),
                        callwright_engine::domain::call::Fact::Ringing,
                    );
                    drop(engine.record(Fake::NAME, vec![ring]).await?);
                }
            }
            Op::Finish => {
                if let Some(call) = self.calls(&self.leads).await?.pop() {
                    drop(engine.record(Fake::NAME, no_answer(call.id, self.world.now())).await?);
                }
            }
            Op::Pass => {
                self.world.pass(TimeDelta::hours(1));
                engine.erase_rest(10).await?;
            }
        }
        Ok(())
    }

    /// Calls that the provider has and that are not over, of these leads.
    async fn calls(&self, leads: &[LeadId]) -> anyhow::Result<Vec<Attempt>> {
        let mut calls = Vec::new();
        for lead in leads {
            let attempts = self.world.attempts(*lead).await?;
            calls.extend(attempts.into_iter().filter(|attempt| attempt.state.as_str() == "placed"));
        }
        calls.sort_unstable_by_key(|call| call.id);
        Ok(calls)
    }

    /// Says stop; answers the call in which it was said, if it was in one.
    async fn stop(&mut self, way: Way, lead: LeadId) -> anyhow::Result<Option<AttemptId>> {
        let now = self.world.now();
        let erases = matches!(way, Way::Erased | Way::ErasedWhileAsked);
        match way {
            Way::Event => {
                self.world.log(lead, "OPTOUT_REQUESTED", json!({"reason": "STOP", "source": "sms"})).await?;
                return Ok(None);
            }
            Way::InCall => {
                if let Some(call) = self.calls(&[lead]).await?.pop() {
                    let stop = vec![Effect::OptOut { reason: "band karo".to_owned() }];
                    let spoken = talk(call.id, now, said(Outcome::OptedOut, "opted_out", stop));
                    self.world.engine.record(Fake::NAME, spoken).await?;
                    return Ok(Some(call.id));
                }
            }
            Way::WhileAsked | Way::ErasedWhileAsked => {
                *self.carrier.says_stop.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some((Arc::clone(&self.world.engine), lead, erases));
                for op in [Op::Plan, Op::Claim, Op::Place] {
                    self.step(op).await?;
                }
                let unsaid = self.carrier.says_stop.lock().unwrap_or_else(PoisonError::into_inner).take();
                if unsaid.is_none() {
                    return Ok(None);
                }
            }
            Way::Api | Way::Erased => {}
        }
        say_stop(&self.world.engine, lead, erases).await?;
        Ok(None)
    }

    /// Provider's ids of calls that were ordered to end.
    async fn ordered_to_end(&self) -> anyhow::Result<Vec<String>> {
        const ORDERS: &str = "SELECT payload FROM jobs WHERE kind = 'hang_up'";
        let Db::Sqlite { write, .. } = &self.world.engine.db else { anyhow::bail!("SQLite was expected") };
        let payloads: Vec<String> = sqlx::query_scalar(ORDERS).fetch_all(write).await?;
        let orders = payloads.iter().map(|text| serde_json::from_str::<HangUpOrder>(text));
        Ok(orders.map(|order| order.map(|order| order.provider_call_id)).collect::<Result<_, _>>()?)
    }
}

/// What is wrong with how a story went; `None`: the law held.
async fn broken(story: Story, safeguards: Safeguards) -> anyhow::Result<Option<String>> {
    let mut run = Run::open(safeguards).await?;
    for op in story.before {
        run.step(op).await?;
    }
    let number = NUMBERS[story.who];
    let there: Vec<LeadId> =
        run.leads.iter().zip(NUMBERS).filter(|(_, at)| *at == number).map(|(lead, _)| *lead).collect();
    let said_in = run.stop(story.way, run.leads[story.who]).await?;
    let asked = run.carrier.asked_at(number);
    for lead in &there {
        for walk in run.world.walks(*lead).await? {
            let result = walk.result.as_deref().unwrap_or_default();
            if !["opted_out", "suppressed", "erased"].contains(&result)
                && walk.enrollment.state.as_str() != "ended"
            {
                return Ok(Some(format!("an enrollment at the number goes on: {walk:?}")));
            }
        }
        let attempts = run.world.attempts(*lead).await?;
        if attempts.iter().any(|attempt| attempt.state.as_str() == "planned") {
            return Ok(Some("a call to the number is still planned".to_owned()));
        }
    }
    let ordered = run.ordered_to_end().await?;
    for call in run.calls(&there).await? {
        if Some(call.id) != said_in && !ordered.contains(&Fake::call_id(call.id)) {
            return Ok(Some(format!("call {} was not ordered to end", call.id)));
        }
    }
    let days = [Op::Enroll(0), Op::Enroll(1), Op::Plan, Op::Claim, Op::Place, Op::Finish, Op::Pass];
    for op in story.after.into_iter().chain(days.into_iter().cycle().take(4 * days.len())) {
        run.step(op).await?;
    }
    let later = run.carrier.asked_at(number) - asked;
    Ok((later > 0).then(|| format!("{later} calls were asked for after the stop had committed")))
}

/// The shortest story that breaks the law, if one of so many does.
fn search(cases: u32, safeguards: Safeguards) -> Option<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 40, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(
        config,
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let outcome = runner.run(&stories(), |story| match runtime.block_on(broken(story, safeguards)) {
        Ok(None) => Ok(()),
        Ok(Some(problem)) => Err(TestCaseError::fail(problem)),
        Err(error) => Err(TestCaseError::fail(format!("{error:#}"))),
    });
    match outcome {
        Ok(()) => None,
        Err(TestError::Fail(why, story)) => Some(format!("{why}: {story:?}")),
        Err(TestError::Abort(why)) => Some(format!("given up: {why}")),
    }
}

#[test]
fn nobody_is_called_after_a_stop_wherever_it_comes() {
    assert_eq!(search(150, Safeguards::default()), None);
}

#[test]
fn without_the_second_look_a_claimed_call_goes_out_after_the_stop() {
    let found = search(400, Safeguards { second_look: false, ..Safeguards::default() });
    assert!(found.as_ref().is_some_and(|why| why.contains("asked for after the stop")), "{found:?}");
}

#[test]
fn a_stop_that_reaches_only_its_own_lead_leaves_others_at_the_number_enrolled() {
    let found = search(400, Safeguards { stops_reach_all: false, ..Safeguards::default() });
    assert!(found.as_ref().is_some_and(|why| why.contains("goes on")), "{found:?}");
}
