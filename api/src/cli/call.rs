//! `callwright call`: one test call to one's own telephone, through the provider that `serve` would use and past every gate.

mod follow;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use callwright_engine::clock::Instant;
use callwright_engine::definitions::library::Library;
use callwright_engine::domain::campaign::{Campaign, CampaignStatus};
use callwright_engine::domain::consent::{Consent, Details, Form, Purpose};
use callwright_engine::domain::new_lead::{Field, NewLead};
use callwright_engine::engine::{Engine, EnrollRequest};
use callwright_engine::id::{CampaignId, EnrollmentId, LeadId};
use callwright_engine::store::lead::{Upserted, upsert_many};
use callwright_engine::store::{Tx, campaign, consent};
use callwright_workers::bell::Bell;
use callwright_workers::jobs::Retention;
use clap::Args;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::definitions::DefinitionsArgs;
use super::rules::RulesArgs;
use super::running::{ProviderArgs, Running};
use super::{Global, session};
use crate::http::families::crm::campaign_body::blank;

/// Places one test call to your own telephone and shows what happens, as it happens.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  callwright call --to +12125550143 --flow price-drop --own-phone --zone America/New_York\n  callwright call --to +919812345678 --flow new-lead --own-phone --language hi-Latn --variables '{\"offer\":{\"percent\":10}}'\n\nThe call passes every gate: outside the legal hours of the number it is not placed, and the reason is shown.\nExit code 1 when no call was placed."
)]
pub struct CallArgs {
    /// The number, with its country code.
    #[arg(long)]
    to: String,
    /// The flow to follow: its name in its file.
    #[arg(long)]
    flow: String,
    /// You confirm that this is your own telephone and that you agree to be called by an artificial voice; it is kept as consent.
    #[arg(long, required = true)]
    own_phone: bool,
    /// Your zone, when the number alone does not tell it.
    #[arg(long)]
    zone: Option<String>,
    /// Language of the call.
    #[arg(long, default_value = "en")]
    language: String,
    /// Name to be called by.
    #[arg(long)]
    first_name: Option<String>,
    /// Company that calls.
    #[arg(long, default_value = "Acme")]
    company: String,
    /// Name of the voice.
    #[arg(long, default_value = "Rachel")]
    agent_name: String,
    /// What the words may use, as JSON: `offer`, `product`, …
    #[arg(long, default_value = "{}", value_parser = super::json_object)]
    variables: Value,
    /// Seconds to wait for the end of the call.
    #[arg(long, default_value_t = 180)]
    wait: u64,
    #[command(flatten)]
    provider: ProviderArgs,
    #[command(flatten)]
    definitions: DefinitionsArgs,
    #[command(flatten)]
    rules: RulesArgs,
}

/// Campaign of all test calls.
const CAMPAIGN: &str = "test-calls";

pub async fn run(args: CallArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let library = with_single_call(&args.definitions.load()?, &args.flow)?;
    let rules = args.rules.load()?;
    let engine = session::engine_under(session::database(global).await?, library, rules);
    let enrolled = prepare(&engine, &args).await?;
    let cancel = CancellationToken::new();
    let running =
        Running::start(&engine, &args.provider, Retention::default(), None, Bell::new(), cancel.clone())
            .await?;
    let placed = follow::until_over(&engine, enrolled.0, enrolled.1, Duration::from_secs(args.wait)).await;
    running.stop().await;
    engine.db.close().await;
    Ok(if placed? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The definitions with a cadence of one call beside them.
fn with_single_call(library: &Library, flow: &str) -> anyhow::Result<Library> {
    let known = || library.flows().map(|flow| flow.key.as_str()).collect::<Vec<_>>().join(", ");
    anyhow::ensure!(library.flow(flow).is_some(), "there is no flow `{flow}`; known here: {}", known());
    let cadence = cadence_of(flow);
    let text = format!(
        "cadence: {cadence}\ntitle: A test call\nenter: {{ again_after: at_end }}\nsteps:\n  - id: call\n    call: {flow}\n    valid_for: 10 minutes\n"
    );
    let path = format!("cadences/{cadence}.yaml");
    let sources = library.sources();
    let files = sources.paths().filter_map(|path| Some((path, sources.text(path)?)));
    let (library, _) = Library::from_files(files.chain([(path.as_str(), text.as_str())]));
    Ok(library)
}

fn cadence_of(flow: &str) -> String {
    format!("test-call-{flow}")
}

async fn prepare(engine: &Engine, args: &CallArgs) -> anyhow::Result<(LeadId, EnrollmentId)> {
    let mut tx = engine.db.begin().await?;
    let now = engine.time.now(&mut tx).await?;
    let lead = lead(engine, &mut tx, args, now).await?;
    consented(engine, &mut tx, lead, now).await?;
    let campaign_id = campaign_id(engine, &mut tx, args, now).await?;
    tx.commit().await?;
    engine.publish().await?;
    let request = EnrollRequest {
        lead_id: lead,
        campaign_id,
        cadence: cadence_of(&args.flow),
        entry_key: String::new(),
        start_at: None,
        variables: args.variables.clone(),
    };
    let answer = engine.enroll(vec![request]).await?.into_iter().next().context("no answer")?;
    let enrolled = answer.map_err(|refusal| anyhow::anyhow!("{} ({})", refusal.message, refusal.reason))?;
    Ok((lead, enrolled.enrollment_id))
}

async fn lead(engine: &Engine, tx: &mut Tx, args: &CallArgs, now: Instant) -> anyhow::Result<LeadId> {
    let set = |text: &Option<String>| text.clone().map_or(Field::Keep, Field::Set);
    let digits: String = args.to.chars().filter(char::is_ascii_digit).collect();
    let new = NewLead {
        external_id: Field::Set(format!("test-call-{digits}")),
        first_name: set(&args.first_name),
        zone: set(&args.zone),
        language: Some(args.language.clone()),
        phone: Field::Set(args.to.clone()),
        tags: Some(vec!["test-call".to_owned()]),
        ..NewLead::default()
    };
    match upsert_many(tx, &engine.ids, &[new], now).await?.into_iter().next() {
        Some(Upserted::Created(id) | Upserted::Updated(id)) => Ok(id),
        Some(Upserted::Refused(mistakes)) => {
            let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
            anyhow::bail!(lines.join("\n"))
        }
        None => anyhow::bail!("the lead was not written"),
    }
}

async fn consented(engine: &Engine, tx: &mut Tx, lead: LeadId, now: Instant) -> anyhow::Result<()> {
    let entries = [Purpose::VoiceContact, Purpose::AiVoice].map(|purpose| Consent {
        id: engine.ids.next(now),
        lead_id: lead,
        purpose,
        form: Form::ExpressWritten,
        granted_at: now,
        revoked_at: None,
        wording: Some(
            "This is my own telephone, and I agree to be called by an artificial voice.".to_owned(),
        ),
        evidence: Some("callwright call --own-phone".to_owned()),
        source: "user".to_owned(),
        details: Details::default(),
    });
    consent::add_many(tx, &entries).await?;
    Ok(())
}

async fn campaign_id(
    engine: &Engine,
    tx: &mut Tx,
    args: &CallArgs,
    now: Instant,
) -> anyhow::Result<CampaignId> {
    if let Some(id) = campaign::resolve(tx, CAMPAIGN).await? {
        return Ok(id);
    }
    let blank =
        blank(engine.ids.next(now), CAMPAIGN, now).map_err(|problem| anyhow::anyhow!(problem.message))?;
    let own = Campaign {
        name: "Test calls".to_owned(),
        status: CampaignStatus::Active,
        company: args.company.clone(),
        agent_name: args.agent_name.clone(),
        ..blank
    };
    campaign::create(tx, &own).await?;
    Ok(own.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_flow_can_be_called_once() {
        let shipped = Library::embedded();
        for flow in shipped.flows() {
            let library = with_single_call(&shipped, &flow.key).expect("a library");
            assert!(library.bundle(&cadence_of(&flow.key)).is_some(), "{}", flow.key);
        }
    }

    #[test]
    fn a_flow_that_does_not_exist_is_refused_with_those_that_do() {
        let error = with_single_call(&Library::embedded(), "pricedrop").expect_err("no such flow");
        assert!(error.to_string().contains("price-drop"), "{error}");
    }
}
