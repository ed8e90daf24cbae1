//! `callwright campaign`: campaigns from the command line, by the same rules as the API.

use std::process::ExitCode;

use callwright_engine::domain::campaign::{Campaign, CampaignStatus};
use callwright_engine::domain::cap::WrittenCap;
use callwright_engine::engine::Engine;
use callwright_engine::id::CampaignId;
use callwright_engine::store::campaign as store;
use chrono::NaiveDate;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::output::{self, Format};
use super::{Global, session};
use crate::http::error::FieldProblem;
use crate::http::extract::parse_value;
use crate::http::families::crm::campaign_body::{CampaignBody, CampaignInput, blank};

/// Creates, shows, pauses and resumes campaigns.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  callwright campaign create new-lead --name \"Spring outreach\" --company \"Acme\" --zone America/New_York \\\n      --days mon-fri --between 09:00-18:00 --max-per-day 500 --caller-id +12125550123 \\\n      --consent-form express_written --ai-voice --attested-by \"Dana Reed\" --statement \"Web form v3, box ticked\"\n  callwright campaign pause new-lead\n\nA campaign whose key is a cadence's name is the one that cadence calls for."
)]
pub struct CampaignArgs {
    #[command(subcommand)]
    command: CampaignCommand,
}

#[derive(Debug, Subcommand)]
enum CampaignCommand {
    /// Creates a campaign and prints its id.
    Create(Box<CreateArgs>),
    /// Lists campaigns.
    List {
        /// draft, active, paused or ended.
        #[arg(long, value_parser = status)]
        status: Option<CampaignStatus>,
        /// How the result is written.
        #[arg(long, value_enum, default_value_t = Format::Human)]
        format: Format,
    },
    /// Shows a campaign as JSON.
    Show {
        /// Its key or id.
        campaign: String,
    },
    /// Stops new calls within a second; calls in progress finish.
    Pause {
        /// Its key or id.
        campaign: String,
    },
    /// Lets calls go out again.
    Resume {
        /// Its key or id.
        campaign: String,
    },
    /// Ends a campaign for good.
    End {
        /// Its key or id.
        campaign: String,
    },
}

#[derive(Debug, Args)]
struct CreateArgs {
    /// Your own name for it, such as `campaign_new_lead`; a cadence's name makes it that cadence's campaign.
    key: String,
    /// For people; the key, when left out.
    #[arg(long)]
    name: Option<String>,
    /// The company that calls; `{{ campaign.company }}` in scripts.
    #[arg(long)]
    company: Option<String>,
    /// The name the voice gives; `{{ agent.name }}` in scripts.
    #[arg(long)]
    agent_name: Option<String>,
    /// Where a transfer to `agent` connects, E.164.
    #[arg(long)]
    agent_number: Option<String>,
    /// Number to show, E.164; may be repeated.
    #[arg(long = "caller-id", value_name = "NUMBER")]
    caller_ids: Vec<String>,
    /// Zone of the schedule, the dates and the limit per day.
    #[arg(long, default_value = "UTC")]
    zone: String,
    /// Days of the schedule, such as `mon-fri` or `mon,wed`.
    #[arg(long, default_value = "mon-sun")]
    days: String,
    /// Hours of the schedule; without them any hour the law allows.
    #[arg(long, value_name = "09:00-18:00")]
    between: Option<String>,
    /// Do not call on holidays.
    #[arg(long)]
    skip_holidays: bool,
    /// First day of calling, in the campaign's zone.
    #[arg(long, value_name = "DATE")]
    starts_on: Option<NaiveDate>,
    /// Last day of calling.
    #[arg(long, value_name = "DATE")]
    ends_on: Option<NaiveDate>,
    /// Calls in any second at most; fractions allowed.
    #[arg(long)]
    calls_per_second: Option<f64>,
    /// Calls at a time at most.
    #[arg(long)]
    max_concurrent: Option<u32>,
    /// Calls a day at most.
    #[arg(long)]
    max_per_day: Option<u32>,
    /// Seconds between two calls; fractions allowed.
    #[arg(long, value_name = "SECONDS")]
    min_interval: Option<f64>,
    /// Calls in any second at most with one of the numbers shown, whichever campaign shows it.
    #[arg(long)]
    caller_calls_per_second: Option<f64>,
    /// Agents to whom flows may hand people over: the campaign is throttled to them before 3 % of its answered calls are abandoned.
    #[arg(long)]
    agents: Option<u32>,
    /// Calls at a time at most with one of the numbers shown.
    #[arg(long)]
    caller_max_concurrent: Option<u32>,
    /// Calls a day (UTC) at most with one of the numbers shown.
    #[arg(long)]
    caller_max_per_day: Option<u32>,
    /// Seconds between two calls with one of the numbers shown; fractions allowed.
    #[arg(long, value_name = "SECONDS")]
    caller_min_interval: Option<f64>,
    /// Calls at most, in what time, to whom: `3/24h/account`, `1/day/lead`. Lead, number, account or campaign; `day` and `week`
    /// are those of the called person's calendar. May be repeated.
    #[arg(long = "cap", value_name = "CALLS/TIME/WHOM", value_parser = cap)]
    caps: Vec<WrittenCap>,
    /// high, medium or low.
    #[arg(long)]
    priority: Option<String>,
    /// Whose voice is heard: live or artificial.
    #[arg(long)]
    voice: Option<String>,
    /// Go on unrecorded when recording consent is refused, instead of ending the call.
    #[arg(long)]
    continue_unrecorded: bool,
    /// What the leads agreed to: oral, express or `express_written`.
    #[arg(long, requires = "attested_by", requires = "statement")]
    consent_form: Option<String>,
    /// The agreement covers an artificial voice.
    #[arg(long, requires = "consent_form")]
    ai_voice: bool,
    /// The manager who attests it.
    #[arg(long, requires = "consent_form")]
    attested_by: Option<String>,
    /// What is attested, in words.
    #[arg(long, requires = "consent_form")]
    statement: Option<String>,
    /// Created but not calling until resumed.
    #[arg(long)]
    draft: bool,
}

/// Reads `3/24h/account`.
fn cap(text: &str) -> Result<WrittenCap, String> {
    let help = "write CALLS/TIME/WHOM, such as 3/24h/account or 1/day/lead";
    let parts: Vec<&str> = text.split('/').map(str::trim).collect();
    let [calls, time, whom] = parts[..] else { return Err(help.to_owned()) };
    let calls = calls.parse().map_err(|_| format!("`{calls}` is not a number of calls; {help}"))?;
    let per = whom.parse().map_err(|error: callwright_engine::domain::UnknownText| error.to_string())?;
    let each = time.parse().ok();
    let written = WrittenCap { calls, within: each.is_none().then(|| time.to_owned()), each, per: Some(per) };
    written.read().map(|_| written).map_err(|error| error.to_string())
}

fn status(text: &str) -> Result<CampaignStatus, String> {
    text.parse().map_err(|error: callwright_engine::domain::UnknownText| error.to_string())
}

pub async fn run(args: CampaignArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let engine = session::open(global).await?;
    match args.command {
        CampaignCommand::Create(args) => create(&engine, *args).await?,
        CampaignCommand::List { status, format } => list(&engine, status, format).await?,
        CampaignCommand::Show { campaign } => {
            output::print_json(&CampaignBody::from(found(&engine, &campaign).await?))?;
        }
        CampaignCommand::Pause { campaign } => set_status(&engine, &campaign, CampaignStatus::Paused).await?,
        CampaignCommand::Resume { campaign } => {
            set_status(&engine, &campaign, CampaignStatus::Active).await?;
        }
        CampaignCommand::End { campaign } => set_status(&engine, &campaign, CampaignStatus::Ended).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn create(engine: &Engine, args: CreateArgs) -> anyhow::Result<()> {
    let mut tx = engine.db.begin().await?;
    let now = engine.time.now(&mut tx).await?;
    anyhow::ensure!(
        store::resolve(&mut tx, &args.key).await?.is_none(),
        "a campaign `{}` exists already; `callwright campaign show {}`",
        args.key,
        args.key
    );
    let by = args.attested_by.clone().unwrap_or_default();
    let mut campaign = blank(engine.ids.next::<CampaignId>(now), &args.key, now).map_err(one)?;
    campaign.status = if args.draft { CampaignStatus::Draft } else { CampaignStatus::Active };
    let has_basis = args.consent_form.is_some();
    let input: CampaignInput = parse_value(Value::Object(args.into_fields())).map_err(one)?;
    input.apply(&mut campaign, &by, now).map_err(|problems| {
        let lines: Vec<String> = problems.into_iter().map(|problem| one(problem).to_string()).collect();
        anyhow::anyhow!(lines.join("\n"))
    })?;
    store::create(&mut tx, &campaign).await?;
    tx.commit().await?;
    output::print(&campaign.id.to_string());
    if !has_basis {
        output::note(
            "No consent basis: only leads with their own recorded consent will be called (--consent-form, --attested-by, --statement).",
        );
    }
    Ok(())
}

fn one(problem: FieldProblem) -> anyhow::Error {
    let flag = problem.pointer.trim_start_matches('/');
    let help = problem.help.map(|help| format!(" ({help})")).unwrap_or_default();
    anyhow::anyhow!("{flag}: {}{help}", problem.message)
}

impl CreateArgs {
    /// The body that the API would take: one set of rules for both.
    fn into_fields(self) -> Map<String, Value> {
        let mut fields = Map::new();
        let mut put = |name: &str, value: Value| {
            if !value.is_null() {
                fields.insert(name.to_owned(), value);
            }
        };
        put("name", json!(self.name));
        put("company", json!(self.company));
        put("agentName", json!(self.agent_name));
        put("agentNumber", json!(self.agent_number));
        put("callerIds", json!(self.caller_ids));
        put("timezone", json!(self.zone));
        put("startsOn", json!(self.starts_on));
        put("endsOn", json!(self.ends_on));
        put("priority", json!(self.priority));
        put("voice", json!(self.voice));
        put("continueUnrecorded", json!(self.continue_unrecorded));
        if let Some((from, until)) = self.between.as_deref().and_then(|between| between.split_once('-')) {
            let span = json!({ "days": self.days, "from": from.trim(), "until": until.trim() });
            let holidays = if self.skip_holidays { "skip" } else { "call" };
            put("schedule", json!({ "spans": [span], "holidays": holidays }));
        }
        put(
            "limits",
            json!({
                "callsPerSecond": self.calls_per_second, "maxConcurrent": self.max_concurrent,
                "maxPerDay": self.max_per_day, "minIntervalS": self.min_interval, "agents": self.agents,
            }),
        );
        put(
            "callerLimits",
            json!({
                "callsPerSecond": self.caller_calls_per_second, "maxConcurrent": self.caller_max_concurrent,
                "maxPerDay": self.caller_max_per_day, "minIntervalS": self.caller_min_interval,
            }),
        );
        put("caps", json!(self.caps));
        if let Some(form) = self.consent_form {
            put(
                "consentBasis",
                json!({
                    "form": form, "coversAiVoice": self.ai_voice, "statement": self.statement,
                    "attestedBy": self.attested_by,
                }),
            );
        }
        fields
    }
}

async fn list(engine: &Engine, status: Option<CampaignStatus>, format: Format) -> anyhow::Result<()> {
    let mut all = Vec::new();
    let mut cursor = None;
    let mut tx = engine.db.begin_read().await?;
    loop {
        let page = store::page(&mut tx, status, cursor, 100).await?;
        all.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    tx.rollback().await?;
    if format == Format::Json {
        return output::print_json(&all.into_iter().map(CampaignBody::from).collect::<Vec<_>>());
    }
    let mut rows = vec![["KEY", "NAME", "STATUS", "ZONE", "SCHEDULE", "CONSENT"].map(str::to_owned).to_vec()];
    rows.extend(all.into_iter().map(|campaign| {
        vec![
            campaign.key,
            campaign.name,
            campaign.status.to_string(),
            campaign.zone.to_string(),
            campaign.schedule.map_or_else(|| "any legal hour".to_owned(), |hours| hours.to_string()),
            campaign.consent_basis.map_or_else(|| "per lead".to_owned(), |basis| basis.form.to_string()),
        ]
    }));
    output::print(&output::table(&rows));
    Ok(())
}

async fn found(engine: &Engine, named: &str) -> anyhow::Result<Campaign> {
    let mut tx = engine.db.begin_read().await?;
    let campaign = match store::resolve(&mut tx, named).await? {
        Some(id) => store::find(&mut tx, id).await?,
        None => None,
    };
    tx.rollback().await?;
    campaign.ok_or_else(|| {
        anyhow::anyhow!("campaign `{named}` does not exist; `callwright campaign list` shows them")
    })
}

async fn set_status(engine: &Engine, named: &str, status: CampaignStatus) -> anyhow::Result<()> {
    let campaign = found(engine, named).await?;
    anyhow::ensure!(campaign.status != CampaignStatus::Ended, "campaign `{}` has ended", campaign.key);
    engine.set_campaign_status(campaign.id, status).await?;
    output::print(&format!("campaign `{}` is {status}", campaign.key));
    Ok(())
}
