//! `callwright enroll`: puts leads into a cadence.

use std::process::ExitCode;

use callwright_engine::definitions::diagnostic::suggestion;
use callwright_engine::engine::{Engine, EnrollRequest};
use callwright_engine::id::{CampaignId, LeadId};
use callwright_engine::store::lead::{self, LeadFilter};
use callwright_engine::store::{Tx, campaign};
use clap::Args;
use serde_json::{Value, json};

use super::definitions::DefinitionsArgs;
use super::output::{self, Format};
use super::{Global, session};
use crate::enrolling;
use crate::http::moment::Moment;

/// Enrolls leads in a cadence.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  callwright enroll new-lead lead_123 lead_124\n  callwright enroll new-lead --status cold --tag webinar\n  callwright enroll price-drop lead_123 --variables '{\"product\":{\"name\":\"Lamp\"},\"offer\":{\"percent\":10}}'\n\nExit code 1 when some lead was refused."
)]
pub struct EnrollArgs {
    /// Its name in its file.
    cadence: String,
    /// Our ids or yours.
    leads: Vec<String>,
    /// All leads with this status instead.
    #[arg(long, conflicts_with = "leads")]
    status: Option<String>,
    /// All leads with this tag instead.
    #[arg(long, conflicts_with = "leads")]
    tag: Option<String>,
    /// Key or id; otherwise the campaign named like the cadence, or the only active one.
    #[arg(long)]
    campaign: Option<String>,
    /// When the first step becomes due; now, when left out.
    #[arg(long, value_name = "TIME", value_parser = Moment::parse)]
    start: Option<Moment>,
    /// What the words may use, as JSON.
    #[arg(long, default_value = "{}", value_parser = super::json_object)]
    variables: Value,
    /// Separates enrollments of one lead in one cadence, by offer or cart.
    #[arg(long, default_value = "")]
    entry_key: String,
    #[command(flatten)]
    definitions: DefinitionsArgs,
    /// How the result is written.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

const CHUNK: usize = 500;

pub async fn run(args: EnrollArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let engine = session::engine(session::database(global).await?, args.definitions.load()?);
    args.definitions.offer(&engine).await?;
    let library = engine.library.current();
    if library.cadence(&args.cadence).is_none() {
        let help = suggestion(&args.cadence, library.cadences().map(|cadence| cadence.key.as_str()));
        anyhow::bail!("there is no cadence `{}`; {}", args.cadence, help.unwrap_or_default());
    }
    let mut tx = engine.db.begin_read().await?;
    let campaign_id = campaign_id(&mut tx, &args).await?;
    let leads = leads(&mut tx, &args).await?;
    tx.rollback().await?;
    anyhow::ensure!(!leads.is_empty(), "no lead to enroll: name leads, or --status or --tag that some have");
    let refused = enroll(&engine, &args, campaign_id, &leads).await?;
    let enrolled = leads.len() - refused.len();
    match args.format {
        Format::Human => {
            for (lead, reason, message) in &refused {
                output::print(&format!("{lead}: {message} ({reason})"));
            }
            output::print(&format!("{enrolled} enrolled, {} refused", refused.len()));
        }
        Format::Json => {
            let refused: Vec<Value> = refused
                .iter()
                .map(
                    |(lead, reason, message)| json!({ "leadId": lead, "reason": reason, "message": message }),
                )
                .collect();
            output::print_json(&json!({ "enrolled": enrolled, "refused": refused }))?;
        }
    }
    Ok(if refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn campaign_id(tx: &mut Tx, args: &EnrollArgs) -> anyhow::Result<CampaignId> {
    match &args.campaign {
        Some(named) => campaign::resolve(tx, named)
            .await?
            .ok_or_else(|| anyhow::anyhow!("campaign `{named}` does not exist")),
        None => enrolling::campaign_for(tx, &args.cadence).await?.map_err(anyhow::Error::msg),
    }
}

/// Leads with what to call them in messages.
async fn leads(tx: &mut Tx, args: &EnrollArgs) -> anyhow::Result<Vec<(LeadId, String)>> {
    let mut found = Vec::new();
    for named in &args.leads {
        let id = lead::resolve(tx, named)
            .await?
            .ok_or_else(|| anyhow::anyhow!("lead `{named}` does not exist"))?;
        found.push((id, named.clone()));
    }
    if args.status.is_none() && args.tag.is_none() {
        return Ok(found);
    }
    let status = args.status.as_deref().map(str::parse).transpose()?;
    let filter = LeadFilter { status, tag: args.tag.clone(), ..LeadFilter::default() };
    let mut cursor = None;
    loop {
        let page = lead::page(tx, &filter, cursor, CHUNK as u32).await?;
        found.extend(page.items.into_iter().map(|lead| {
            let shown = lead.external_id.unwrap_or_else(|| lead.id.to_string());
            (lead.id, shown)
        }));
        cursor = page.next;
        if cursor.is_none() {
            return Ok(found);
        }
    }
}

async fn enroll(
    engine: &Engine,
    args: &EnrollArgs,
    campaign_id: CampaignId,
    leads: &[(LeadId, String)],
) -> anyhow::Result<Vec<(String, String, String)>> {
    let mut refused = Vec::new();
    for chunk in leads.chunks(CHUNK) {
        let request = |(lead_id, _): &(LeadId, String)| EnrollRequest {
            lead_id: *lead_id,
            campaign_id,
            cadence: args.cadence.clone(),
            entry_key: args.entry_key.clone(),
            start_at: args.start.map(|at| at.0),
            variables: args.variables.clone(),
        };
        let answers = engine.enroll(chunk.iter().map(request).collect()).await?;
        for ((_, shown), answer) in chunk.iter().zip(answers) {
            if let Err(refusal) = answer {
                refused.push((shown.clone(), refusal.reason, refusal.message));
            }
        }
    }
    Ok(refused)
}
