//! `callwright consent`: the consent ledger of a lead, by the same rules as the API.

use std::process::ExitCode;

use callwright_engine::domain::consent::{Channel, Form, Purpose};
use callwright_engine::engine::Engine;
use callwright_engine::id::{ConsentId, LeadId};
use callwright_engine::store::{consent, lead};
use clap::{Args, Subcommand};
use sha2::{Digest, Sha256};

use super::output::{self, Format};
use super::{Global, session};
use crate::http::families::crm::consents::{ConsentInput, Ledger, RevocationBody, RevokeInput, ledger};
use crate::http::families::crm::lead_body::ConsentBody;
use crate::http::moment::Moment;

/// Adds, revokes and lists what a lead agreed to. Nothing on file is ever changed or deleted.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  callwright consent add lead_123 voice_contact,ai_voice --form express_written --channel web \\\n      --wording \"I agree to be called by an automated voice\" --evidence-file form-7731.pdf --granted-at 2026-03-01T10:00:00Z\n  callwright consent revoke lead_123 --purpose ai_voice --channel email --words \"no robots please\"\n  callwright consent revoke lead_123 --words STOP --channel sms\n  callwright consent list lead_123 --format json\n\nRevoking without --purpose takes everything back and opts the lead out. It holds at once; the day by which the law\nwants it honored (47 CFR 64.1200(a)(10)) is kept with it."
)]
pub struct ConsentArgs {
    #[command(subcommand)]
    command: ConsentCommand,
}

#[derive(Debug, Subcommand)]
enum ConsentCommand {
    /// Puts a consent on file, one entry per purpose.
    Add(Box<AddArgs>),
    /// Takes back what the lead agreed to.
    Revoke(RevokeArgs),
    /// Shows the ledger, oldest first.
    List {
        /// Our id or yours.
        lead: String,
        /// How the result is written.
        #[arg(long, value_enum, default_value_t = Format::Human)]
        format: Format,
    },
}

#[derive(Debug, Args)]
struct AddArgs {
    /// Our id or yours.
    lead: String,
    /// `voice_contact`, `ai_voice`, `recording`, sms or email; several with commas.
    #[arg(value_delimiter = ',', required = true, value_parser = parsed::<Purpose>)]
    purposes: Vec<Purpose>,
    /// oral, express or `express_written`.
    #[arg(long, value_parser = parsed::<Form>)]
    form: Form,
    /// When it was given; now, when left out.
    #[arg(long, value_name = "TIME", value_parser = Moment::parse)]
    granted_at: Option<Moment>,
    /// How: web, paper, call, keypress, sms, email, chat, `in_person`, post or system.
    #[arg(long, value_parser = parsed::<Channel>)]
    channel: Option<Channel>,
    /// The words shown or spoken, in full.
    #[arg(long)]
    wording: Option<String>,
    /// What proves it, in words: a form submission, an IP and time.
    #[arg(long)]
    evidence: Option<String>,
    /// Where a copy of the request as shown is kept.
    #[arg(long, value_name = "URL")]
    evidence_url: Option<String>,
    /// That copy: its SHA-256 is kept, the file stays where it is.
    #[arg(long, value_name = "FILE")]
    evidence_file: Option<std::path::PathBuf>,
    /// For this number only, E.164.
    #[arg(long)]
    number: Option<String>,
    /// The seller named to the person.
    #[arg(long)]
    seller: Option<String>,
    /// Language of the wording.
    #[arg(long)]
    language: Option<String>,
    /// Where it comes from; `user`, when left out.
    #[arg(long, default_value = "user")]
    source: String,
    /// How the result is written.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, Args)]
struct RevokeArgs {
    /// Our id or yours.
    lead: String,
    /// Only this purpose; everything, when left out.
    #[arg(long, value_parser = parsed::<Purpose>)]
    purpose: Option<Purpose>,
    /// How it was said: web, paper, call, keypress, sms, email, chat, `in_person`, post or system.
    #[arg(long, value_parser = parsed::<Channel>)]
    channel: Option<Channel>,
    /// As said or written.
    #[arg(long)]
    words: Option<String>,
    /// When it was received; now, when left out.
    #[arg(long, value_name = "TIME", value_parser = Moment::parse)]
    received_at: Option<Moment>,
    /// Where it comes from.
    #[arg(long, default_value = "user")]
    source: String,
    /// How the result is written.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

fn parsed<T: std::str::FromStr<Err: ToString>>(text: &str) -> Result<T, String> {
    text.trim().parse().map_err(|error: T::Err| error.to_string())
}

pub async fn run(args: ConsentArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let engine = session::open(global).await?;
    match args.command {
        ConsentCommand::Add(args) => add(&engine, *args).await?,
        ConsentCommand::Revoke(args) => revoke(&engine, args).await?,
        ConsentCommand::List { lead, format } => {
            let id = found(&engine, &lead).await?;
            let ledger = ledger(&engine, id).await?;
            match format {
                Format::Human => output::print(&table(&ledger)),
                Format::Json => output::print_json(&ledger)?,
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn found(engine: &Engine, named: &str) -> anyhow::Result<LeadId> {
    let mut tx = engine.db.begin_read().await?;
    let id = lead::resolve(&mut tx, named).await?;
    tx.rollback().await?;
    id.ok_or_else(|| anyhow::anyhow!("lead `{named}` does not exist"))
}

async fn add(engine: &Engine, args: AddArgs) -> anyhow::Result<()> {
    let lead = found(engine, &args.lead).await?;
    let sha256 = match &args.evidence_file {
        Some(path) => {
            let bytes = std::fs::read(path)
                .map_err(|error| anyhow::anyhow!("{} cannot be read: {error}", path.display()))?;
            Some(hex::encode(Sha256::digest(bytes)))
        }
        None => None,
    };
    let mut tx = engine.db.begin().await?;
    let now = engine.time.now(&mut tx).await?;
    let mut entries = Vec::with_capacity(args.purposes.len());
    for purpose in &args.purposes {
        let input = ConsentInput {
            purpose: *purpose,
            form: args.form,
            granted_at: args.granted_at,
            wording: args.wording.clone(),
            evidence: args.evidence.clone(),
            source: Some(args.source.clone()),
            channel: args.channel,
            number: args.number.clone(),
            seller: args.seller.clone(),
            language: args.language.clone(),
            evidence_url: args.evidence_url.clone(),
            evidence_sha256: sha256.clone(),
        };
        let entry = input.entry(engine.ids.next::<ConsentId>(now), lead, "command line", now);
        entries.push(entry.map_err(|problems| {
            let lines: Vec<String> = problems
                .into_iter()
                .map(|problem| format!("{}: {}", problem.pointer.trim_start_matches('/'), problem.message))
                .collect();
            anyhow::anyhow!(lines.join("\n"))
        })?);
    }
    consent::add_many(&mut tx, &entries).await?;
    tx.commit().await?;
    let bodies: Vec<ConsentBody> = entries.into_iter().map(Into::into).collect();
    match args.format {
        Format::Json => output::print_json(&bodies)?,
        Format::Human => {
            for body in bodies {
                output::print(&format!("{}  {} ({})", body.consent_id, body.purpose, body.form));
            }
        }
    }
    Ok(())
}

async fn revoke(engine: &Engine, args: RevokeArgs) -> anyhow::Result<()> {
    let lead = found(engine, &args.lead).await?;
    let input = RevokeInput {
        purpose: args.purpose,
        channel: args.channel,
        words: args.words,
        language: None,
        received_at: args.received_at,
        number: None,
        source: Some(args.source),
    };
    let asked =
        input.taken_back(lead, "command line").map_err(|problem| anyhow::anyhow!("{}", problem.message))?;
    let body = RevocationBody::from(engine.take_back(asked).await?);
    match args.format {
        Format::Json => output::print_json(&body)?,
        Format::Human => output::print(&format!(
            "{}  {} taken back, honored at once (the law's last day: {}, {})",
            body.revocation_id,
            body.purpose.unwrap_or("everything"),
            body.due_on,
            body.citation
        )),
    }
    Ok(())
}

fn table(ledger: &Ledger) -> String {
    let minute = |at: chrono::DateTime<chrono::Utc>| at.format("%Y-%m-%d %H:%M UTC").to_string();
    let mut rows = vec![["WHEN", "WHAT", "FORM", "HOW", "WORDS", "UNTIL"].map(str::to_owned).to_vec()];
    for entry in &ledger.items {
        rows.push(vec![
            minute(entry.granted_at),
            format!("agreed to {}", entry.purpose),
            entry.form.to_owned(),
            entry.channel.unwrap_or("-").to_owned(),
            short(entry.wording.as_deref()),
            entry.revoked_at.map_or_else(|| "in force".to_owned(), |at| format!("revoked {}", minute(at))),
        ]);
    }
    for taken in &ledger.revocations {
        rows.push(vec![
            minute(taken.received_at),
            format!("took back {}", taken.purpose.unwrap_or("everything")),
            "-".to_owned(),
            taken.channel.to_owned(),
            short(taken.words.as_deref()),
            format!("honored {}, due by {}", minute(taken.honored_at), taken.due_on),
        ]);
    }
    output::table(&rows)
}

fn short(text: Option<&str>) -> String {
    let text = text.unwrap_or("-").replace('\n', " ");
    if text.chars().count() <= 40 {
        text
    } else {
        format!("{}…", text.chars().take(39).collect::<String>())
    }
}
