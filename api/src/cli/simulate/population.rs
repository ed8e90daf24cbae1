//! Who is called in a simulation: made-up people, a CSV, or copies of the database's leads.

use std::fs::File;
use std::path::Path;

use anyhow::Context as _;
use callwright_engine::clock::Instant;
use callwright_engine::domain::campaign::{Campaign, CampaignStatus, VoiceClass};
use callwright_engine::domain::consent::Consent;
use callwright_engine::domain::lead::Lead;
use callwright_engine::domain::new_lead::{NewLead, prepare};
use callwright_engine::domain::suppression::{self as domain, Suppression};
use callwright_engine::id::{IdSource, LeadId};
use callwright_engine::phone::number::PhoneNumber;
use callwright_engine::simulate::population::Population;
use callwright_engine::store::lead::LeadFilter;
use callwright_engine::store::page::Page;
use callwright_engine::store::{Db, Tx, campaign, consent, erased_number, lead, suppression, trial};
use callwright_workers::trial::{campaigns, people};
use serde_json::{Map, Value, json};

use super::SimulateArgs;
use crate::cli::Global;

/// Leads as they are read from somewhere, the same for every version that is run.
#[derive(Debug)]
pub enum Source {
    Synthetic { seed: u64, count: u64 },
    File { name: String, rows: Vec<NewLead> },
    Database(Box<Copied>),
}

/// Leads of the database with what decides whether they may be called.
#[derive(Debug)]
pub struct Copied {
    leads: Vec<Lead>,
    campaign: Option<Campaign>,
    suppressions: Vec<Suppression>,
    consents: Vec<Consent>,
}

impl Source {
    pub async fn read(args: &SimulateArgs, global: &Global) -> anyhow::Result<Self> {
        if args.from_database {
            return Ok(Self::Database(Box::new(Copied::read(args, global).await?)));
        }
        match &args.population {
            Some(path) => Ok(Self::File { name: path.display().to_string(), rows: rows(path)? }),
            None => Ok(Self::Synthetic { seed: args.seed, count: args.leads }),
        }
    }

    /// In words, for headings.
    pub fn describe(&self) -> String {
        match self {
            Self::Synthetic { seed, count } => format!("{count} synthetic leads, seed {seed}"),
            Self::File { name, rows } => format!("{} leads of {name}", rows.len()),
            Self::Database(copied) => match &copied.campaign {
                Some(campaign) => {
                    format!("{} leads of campaign {} in the database", copied.leads.len(), campaign.key)
                }
                None => format!("{} leads of the database", copied.leads.len()),
            },
        }
    }

    /// All marked synthetic: no real provider would dial them.
    pub fn leads(&self, ids: &IdSource, now: Instant) -> anyhow::Result<Vec<Lead>> {
        match self {
            Self::Synthetic { seed, count } => {
                let population = Population::united_states(*seed).with_india(5);
                Ok(people::leads(&population, 0..*count, ids, now))
            }
            Self::File { name, rows } => prepared(name, rows, ids, now),
            Self::Database(copied) => Ok(copied.leads.clone()),
        }
    }

    /// The campaign's own, or one that leaves everything to the law and the cadence.
    pub fn campaign(&self, cadence: &str, ids: &IdSource, now: Instant) -> anyhow::Result<Campaign> {
        match self {
            Self::Database(copied) if copied.campaign.is_some() => {
                let mut campaign = copied.campaign.clone().context("there is one")?;
                campaign.status = CampaignStatus::Active;
                Ok(campaign)
            }
            _ => Ok(campaigns::consented(cadence, VoiceClass::Artificial, ids, now)?),
        }
    }

    /// Writes what forbids or permits calls beside the leads, into the simulation's own database.
    pub async fn add_permissions(&self, db: &Db) -> anyhow::Result<()> {
        let Self::Database(copied) = self else { return Ok(()) };
        let mut tx = db.begin().await?;
        suppression::add_many(&mut tx, &copied.suppressions).await?;
        consent::add_many(&mut tx, &copied.consents).await?;
        tx.commit().await?;
        Ok(())
    }
}

impl Copied {
    async fn read(args: &SimulateArgs, global: &Global) -> anyhow::Result<Self> {
        let db = Db::open_read_only(&global.database_url)
            .await
            .context("the database cannot be opened for reading (--database-url, DATABASE_URL)")?;
        let mut tx = db.begin_read().await?;
        let copied = Self::copy(args, &mut tx).await;
        tx.rollback().await?;
        db.close().await;
        copied
    }

    async fn copy(args: &SimulateArgs, tx: &mut Tx) -> anyhow::Result<Self> {
        let campaign = match &args.campaign {
            Some(key) => {
                let id = campaign::resolve(tx, key).await?;
                let id = id.with_context(|| format!("there is no campaign `{key}`"))?;
                campaign::find(tx, id).await?
            }
            None => None,
        };
        let mut leads = match &campaign {
            Some(campaign) => {
                let ids = trial::leads_of_campaign(tx, campaign.id, args.limit).await?;
                lead::find_many(tx, &ids).await?
            }
            None => all_leads(tx, args.limit).await?,
        };
        anyhow::ensure!(!leads.is_empty(), "the database has no such leads");
        leads.sort_by_key(|lead| lead.id);
        for lead in &mut leads {
            lead.synthetic = true;
        }
        let ids: Vec<LeadId> = leads.iter().map(|lead| lead.id).collect();
        let numbers: Vec<String> = leads
            .iter()
            .flat_map(|lead| &lead.phones)
            .filter_map(|phone| Some(phone.number?.e164()))
            .collect();
        let own = campaign.as_ref().map(|campaign| campaign.id);
        let mut suppressions = suppression::of_numbers(tx, &numbers).await?;
        suppressions.retain(|entry| entry.campaign_id.is_none() || entry.campaign_id == own);
        suppressions.sort_by_key(|entry| entry.id);
        suppressions.dedup_by_key(|entry| entry.id);
        suppressions.extend(erased(tx, &numbers).await?);
        let consents = consent::of_leads(tx, &ids).await?;
        Ok(Self { leads, campaign, suppressions, consents })
    }
}

/// Numbers of erased people: in the simulation's own database they are suppressed like others.
async fn erased(tx: &mut Tx, numbers: &[String]) -> anyhow::Result<Vec<Suppression>> {
    let ids = IdSource::seeded(0);
    let mut entries = Vec::new();
    for (number, entry) in erased_number::of_numbers(tx, numbers).await? {
        entries.push(Suppression {
            id: ids.next(entry.erased_at),
            number: PhoneNumber::e164_only(&number)?,
            source: domain::Source::Internal,
            campaign_id: None,
            reason: "erased".to_owned(),
            added_by: String::new(),
            created_at: entry.erased_at,
            expires_at: None,
        });
    }
    Ok(entries)
}

async fn all_leads(tx: &mut Tx, limit: u32) -> anyhow::Result<Vec<Lead>> {
    const PAGE: u32 = 500;
    let (mut leads, mut cursor) = (Vec::new(), None);
    while leads.len() < limit as usize {
        let wanted = PAGE.min(limit - leads.len() as u32);
        let Page { items, next } = lead::page(tx, &LeadFilter::default(), cursor, wanted).await?;
        leads.extend(items);
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    Ok(leads)
}

/// Every row of a CSV; bad ones are named all at once.
fn rows(path: &Path) -> anyhow::Result<Vec<NewLead>> {
    let mut reader = csv::Reader::from_reader(File::open(path).with_context(|| path.display().to_string())?);
    let (mut rows, mut problems) = (Vec::new(), Vec::new());
    for (index, row) in reader.deserialize::<Map<String, Value>>().enumerate() {
        let line = index + 2;
        let row = row.with_context(|| format!("{} line {line}", path.display()))?;
        let row: Map<String, Value> = row
            .into_iter()
            .filter(|(_, value)| value.as_str() != Some(""))
            .map(|(key, value)| (key, value.as_i64().map_or(value, |number| json!(number.to_string()))))
            .collect();
        match serde_json::from_value::<NewLead>(Value::Object(row)) {
            Ok(new) => rows.push(NewLead { synthetic: true, ..new }),
            Err(error) => problems.push(format!("line {line}: {error}")),
        }
    }
    anyhow::ensure!(problems.is_empty(), "{}:\n{}", path.display(), problems.join("\n"));
    anyhow::ensure!(!rows.is_empty(), "{} has no rows below its header", path.display());
    Ok(rows)
}

fn prepared(name: &str, rows: &[NewLead], ids: &IdSource, now: Instant) -> anyhow::Result<Vec<Lead>> {
    let (mut leads, mut problems) = (Vec::new(), Vec::new());
    for (index, new) in rows.iter().enumerate() {
        match prepare(new, ids.next(now), now) {
            Ok(lead) => leads.push(lead),
            Err(mistakes) => {
                problems.extend(mistakes.iter().map(|mistake| format!("line {}: {mistake}", index + 2)));
            }
        }
    }
    anyhow::ensure!(problems.is_empty(), "{name}:\n{}", problems.join("\n"));
    Ok(leads)
}
