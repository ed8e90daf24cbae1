//! `callwright user`: people who may sign in.

use std::io::BufRead;
use std::process::ExitCode;

use argon2::Argon2;
use argon2::password_hash::PasswordHasher;
use callwright_engine::domain::user::{Role, User};
use callwright_engine::store::user as store;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::output::{self, Format};
use super::{Global, key, session};

/// Creates and lists users.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  callwright user create dana@example.com --name \"Dana Reed\" --role manager\n  callwright user create dana@example.com --name \"Dana Reed\" --password-stdin < secret.txt"
)]
pub struct UserArgs {
    #[command(subcommand)]
    command: UserCommand,
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Creates a user.
    Create {
        /// Signs in with it.
        email: String,
        /// Full name.
        #[arg(long)]
        name: String,
        /// agent, manager or `super_admin`.
        #[arg(long, default_value = "agent", value_parser = key::role)]
        role: Role,
        /// Read the password from the first line of standard input; without one the user cannot sign in.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Lists users.
    List {
        /// How the result is written.
        #[arg(long, value_enum, default_value_t = Format::Human)]
        format: Format,
    },
}

pub async fn run(args: UserArgs, global: &Global) -> anyhow::Result<ExitCode> {
    match args.command {
        UserCommand::Create { email, name, role, password_stdin } => {
            let password = if password_stdin { Some(hashed(&first_line()?)?) } else { None };
            create(global, email, name, role, password).await?;
        }
        UserCommand::List { format } => list(global, format).await?,
    }
    Ok(ExitCode::SUCCESS)
}

fn first_line() -> anyhow::Result<String> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Eight characters at least, with an upper-case letter, a lower-case one, a digit and something else.
fn hashed(password: &str) -> anyhow::Result<String> {
    let has = |test: fn(char) -> bool| password.chars().any(test);
    let is_strong = password.chars().count() >= 8
        && has(char::is_uppercase)
        && has(char::is_lowercase)
        && has(char::is_numeric)
        && has(|c| !c.is_alphanumeric());
    anyhow::ensure!(
        is_strong,
        "a password has 8 characters or more, with upper case, lower case, a digit and a special character"
    );
    let hash = Argon2::default().hash_password(password.as_bytes());
    Ok(hash.map_err(|error| anyhow::anyhow!("the password cannot be hashed: {error}"))?.to_string())
}

async fn create(
    global: &Global,
    email: String,
    name: String,
    role: Role,
    password: Option<String>,
) -> anyhow::Result<()> {
    anyhow::ensure!(email.contains('@'), "`{email}` is not an e-mail address");
    let engine = session::open(global).await?;
    let mut tx = engine.db.begin().await?;
    let now = engine.time.now(&mut tx).await?;
    anyhow::ensure!(store::by_email(&mut tx, &email).await?.is_none(), "a user `{email}` exists already");
    let user = User { id: engine.ids.next(now), email, name, role, is_active: true, created_at: now };
    store::create(&mut tx, &user, password.as_deref()).await?;
    tx.commit().await?;
    output::print(&user.id.to_string());
    Ok(())
}

async fn list(global: &Global, format: Format) -> anyhow::Result<()> {
    let db = session::database(global).await?;
    let mut tx = db.begin_read().await?;
    let users = store::list(&mut tx).await?;
    tx.rollback().await?;
    if format == Format::Json {
        let users: Vec<Value> = users
            .iter()
            .map(|user| {
                json!({
                    "id": user.id, "email": user.email, "name": user.name, "role": user.role, "isActive": user.is_active,
                    "createdAt": user.created_at,
                })
            })
            .collect();
        return output::print_json(&users);
    }
    let mut rows = vec![["EMAIL", "NAME", "ROLE", "STATE"].map(str::to_owned).to_vec()];
    rows.extend(users.into_iter().map(|user| {
        let state = if user.is_active { "active" } else { "inactive" };
        vec![user.email, user.name, user.role.to_string(), state.to_owned()]
    }));
    output::print(&output::table(&rows));
    Ok(())
}
