//! `callwright key`: API keys. A key is shown once, when it is made; the database keeps its digest.

use std::process::ExitCode;

use callwright_engine::domain::user::{ApiKey, Role};
use callwright_engine::store::api_key::{self, KEY_BYTES, NewKey};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::output::{self, Format};
use super::{Global, session};

/// Makes, lists and revokes API keys.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  KEY=$(callwright key create crm)\n  callwright key create dashboard --role agent\n  callwright key revoke crm"
)]
pub struct KeyArgs {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Makes a key and prints it, alone, on standard output: the only time it can be seen.
    Create {
        /// Who uses it.
        name: String,
        /// agent: leads, events, enrollments; manager: campaigns and suppressions too; `super_admin`: everything.
        #[arg(long, default_value = "manager", value_parser = role)]
        role: Role,
    },
    /// Lists keys by their public part.
    List {
        /// How the result is written.
        #[arg(long, value_enum, default_value_t = Format::Human)]
        format: Format,
    },
    /// Ends a key, by its id, public part or name.
    Revoke {
        /// Its id, public part or name.
        key: String,
    },
}

pub(super) fn role(text: &str) -> Result<Role, String> {
    text.parse().map_err(|error: callwright_engine::domain::UnknownText| error.to_string())
}

pub async fn run(args: KeyArgs, global: &Global) -> anyhow::Result<ExitCode> {
    match args.command {
        KeyCommand::Create { name, role } => create(global, &name, role).await?,
        KeyCommand::List { format } => list(global, format).await?,
        KeyCommand::Revoke { key } => revoke(global, &key).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn create(global: &Global, name: &str, role: Role) -> anyhow::Result<()> {
    anyhow::ensure!(!name.trim().is_empty(), "give the key a name: who uses it?");
    let engine = session::open(global).await?;
    let mut tx = engine.db.begin().await?;
    let now = engine.time.now(&mut tx).await?;
    let random: [u8; KEY_BYTES] = rand::random();
    let new = NewKey { id: engine.ids.next(now), name: name.trim(), role };
    let (_, key) = api_key::create(&mut tx, new, &random, now).await?;
    tx.commit().await?;
    output::print(&key);
    output::note("This is the only time the key can be seen. Send it as `Authorization: Bearer KEY`.");
    Ok(())
}

async fn list(global: &Global, format: Format) -> anyhow::Result<()> {
    let keys = all(global).await?;
    if format == Format::Json {
        let keys: Vec<Value> = keys
            .iter()
            .map(|key| {
                json!({
                    "id": key.id, "name": key.name, "prefix": key.prefix, "role": key.role, "createdAt": key.created_at,
                    "lastUsedAt": key.last_used_at, "revokedAt": key.revoked_at,
                })
            })
            .collect();
        return output::print_json(&keys);
    }
    let mut rows = vec![["NAME", "KEY", "ROLE", "CREATED", "LAST USED", "STATE"].map(str::to_owned).to_vec()];
    rows.extend(keys.iter().map(|key| {
        let day = |at: callwright_engine::clock::Instant| at.format("%Y-%m-%d").to_string();
        let state = if key.revoked_at.is_some() { "revoked" } else { "in force" };
        vec![
            key.name.clone(),
            format!("cw_{}.…", key.prefix),
            key.role.to_string(),
            day(key.created_at),
            key.last_used_at.map_or_else(|| "never".to_owned(), day),
            state.to_owned(),
        ]
    }));
    output::print(&output::table(&rows));
    Ok(())
}

async fn all(global: &Global) -> anyhow::Result<Vec<ApiKey>> {
    let db = session::database(global).await?;
    let mut tx = db.begin_read().await?;
    let keys = api_key::list(&mut tx).await?;
    tx.rollback().await?;
    Ok(keys)
}

async fn revoke(global: &Global, named: &str) -> anyhow::Result<()> {
    let engine = session::open(global).await?;
    let mut tx = engine.db.begin().await?;
    let now = engine.time.now(&mut tx).await?;
    let keys = api_key::list(&mut tx).await?;
    let is_named = |key: &&ApiKey| key.id.to_string() == named || key.prefix == named || key.name == named;
    let meant: Vec<&ApiKey> = keys.iter().filter(|key| key.revoked_at.is_none()).filter(is_named).collect();
    match meant.as_slice() {
        [key] => {
            api_key::revoke(&mut tx, key.id, now).await?;
            tx.commit().await?;
            output::print(&format!("key `{}` is revoked", key.name));
            Ok(())
        }
        [] => anyhow::bail!("no key in force is called `{named}`; `callwright key list` shows them"),
        several => {
            let ids: Vec<&str> = several.iter().map(|key| key.prefix.as_str()).collect();
            anyhow::bail!(
                "{} keys are called `{named}`; name one by its public part: {}",
                several.len(),
                ids.join(", ")
            )
        }
    }
}
