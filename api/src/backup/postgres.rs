//! PostgreSQL: its own client programs dump and restore; here they are found, told where to connect, and listened to.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use callwright_engine::store::{Db, backup as store};
use tokio::process::{Child, Command};
use url::Url;

use super::make::Progress;
use super::{files, manifest::Manifest};

/// How long sessions of stopped processes may take to go.
const LEAVE_WITHIN_S: u64 = 3;

/// How the client programs connect: by environment, because command lines can be read by everybody on the machine.
#[derive(Debug, Clone)]
struct Connection(Vec<(&'static str, String)>);

impl Connection {
    fn of(url: &str) -> anyhow::Result<Self> {
        let url = Url::parse(url).context("the database URL cannot be read")?;
        let mut variables = Vec::new();
        let host = url.query_pairs().find(|(name, _)| name == "host").map(|(_, value)| value.into_owned());
        let host = host.or_else(|| url.host_str().map(decoded)).filter(|host| !host.is_empty());
        variables.extend(host.map(|host| ("PGHOST", host)));
        variables.extend(url.port().map(|port| ("PGPORT", port.to_string())));
        variables.extend((!url.username().is_empty()).then(|| ("PGUSER", decoded(url.username()))));
        variables.extend(url.password().map(|password| ("PGPASSWORD", decoded(password))));
        let name = decoded(url.path().trim_start_matches('/'));
        variables.extend((!name.is_empty()).then_some(("PGDATABASE", name)));
        for (name, value) in url.query_pairs() {
            match name.as_ref() {
                "sslmode" | "ssl-mode" => variables.push(("PGSSLMODE", value.into_owned())),
                "sslrootcert" | "ssl-root-cert" => variables.push(("PGSSLROOTCERT", value.into_owned())),
                "sslcert" | "ssl-client-cert" => variables.push(("PGSSLCERT", value.into_owned())),
                "sslkey" | "ssl-client-key" => variables.push(("PGSSLKEY", value.into_owned())),
                _ => {}
            }
        }
        Ok(Self(variables))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.envs(self.0.iter().map(|(name, value)| (*name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }
}

/// Percent-encoding undone; what is none stays as it is.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3).and_then(|digits| u8::from_str_radix(digits, 16).ok()))
            .flatten();
        plain.push(code.unwrap_or(bytes[at]));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&plain).into_owned()
}

fn start(mut command: Command, program: &str) -> anyhow::Result<Child> {
    match command.spawn() {
        Ok(child) => Ok(child),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => bail!(
            "`{program}` was not found: install the PostgreSQL client programs, of the server's version or newer \
             (Debian and Ubuntu: apt install postgresql-client), and have them in PATH"
        ),
        Err(error) => Err(error).with_context(|| format!("`{program}` cannot be started")),
    }
}

async fn finish(child: Child, program: &str) -> anyhow::Result<()> {
    let output = child.wait_with_output().await?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    bail!("`{program}` ended with {}: {}", output.status, lines[lines.len().saturating_sub(4)..].join("; "));
}

/// Dumps one consistent state, the same that is counted.
pub(super) async fn dump(
    url: &str,
    db: &Db,
    partial: &Path,
    tell: &(dyn Fn(Progress<'_>) + Sync),
) -> anyhow::Result<Vec<(&'static str, u64)>> {
    let connection = Connection::of(url)?;
    files::create_private(partial).with_context(|| format!("{} cannot be written", partial.display()))?;
    let (mut tx, snapshot) = store::export_snapshot(db).await?;
    let mut command = connection.command("pg_dump");
    command.args(["--format=custom", "--no-owner", "--no-privileges", "--no-password"]);
    command.arg(format!("--snapshot={snapshot}")).arg(format!("--exclude-schema={}*", store::ASIDE));
    command.arg("--file").arg(partial);
    let dumping = finish(start(command, "pg_dump")?, "pg_dump");
    tokio::pin!(dumping);
    loop {
        tokio::select! {
            done = &mut dumping => break done?,
            () = tokio::time::sleep(Duration::from_millis(100)) => {
                let done = std::fs::metadata(partial).map_or(0, |file| file.len());
                tell(Progress { doing: "dumping", done, of: 0 });
            }
        }
    }
    let counts = store::counts(&mut tx).await?;
    tx.rollback().await?;
    readable(partial).await?;
    Ok(counts)
}

/// Can `pg_restore` read it?
pub(super) async fn readable(backup: &Path) -> anyhow::Result<()> {
    let mut command = Connection(Vec::new()).command("pg_restore");
    command.arg("--list").arg(backup);
    finish(start(command, "pg_restore")?, "pg_restore").await
}

/// Is the target free for a restore? With `replace` only others being connected, or tables that are not ours, forbid it.
pub(super) async fn must_be_free(db: &Db, replace: bool) -> anyhow::Result<()> {
    if store::is_empty(db).await? {
        return Ok(());
    }
    ensure!(
        replace,
        "the target database holds tables already: name an empty one, or give --replace to have them put aside"
    );
    let strangers = store::strangers(db).await?;
    ensure!(
        strangers.is_empty(),
        "the target database also holds tables that are not Callwright's ({}); restore into one of its own",
        strangers.join(", ")
    );
    let mut others = store::others_connected(db).await?;
    // Sessions of processes that were stopped just now take a moment to go.
    for _ in 0..LEAVE_WITHIN_S * 4 {
        if others == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
        others = store::others_connected(db).await?;
    }
    ensure!(
        others == 0,
        "{others} other sessions are connected to the target database: stop `callwright serve` and `worker` first"
    );
    Ok(())
}

/// Restores in one transaction: what was there is put aside, the dump comes in, and the mark with it.
pub(super) async fn restore(
    url: &str,
    backup: &Path,
    manifest: &Manifest,
    aside: Option<&str>,
) -> anyhow::Result<()> {
    let connection = Connection::of(url)?;
    let mut reading = connection.command("pg_restore");
    reading.args(["--no-owner", "--no-privileges", "--file=-"]).arg(backup).stdout(Stdio::piped());
    let mut reading = start(reading, "pg_restore")?;
    let script: Stdio = reading.stdout.take().context("the output of pg_restore")?.try_into()?;
    let mut writing = connection.command("psql");
    writing.args([
        "--no-psqlrc",
        "--quiet",
        "--no-password",
        "--set=ON_ERROR_STOP=1",
        "--single-transaction",
    ]);
    if let Some(aside) = aside {
        writing.arg("--command").arg(store::postgres_preamble(aside));
    }
    writing.args(["--file", "-"]);
    writing.arg("--command").arg(store::postgres_mark(manifest.taken_at, manifest.engine_at));
    writing.stdin(script);
    let writing = start(writing, "psql")?;
    let (read, written) = tokio::join!(finish(reading, "pg_restore"), finish(writing, "psql"));
    // psql's own words first: pg_restore only sees that nobody listens any more.
    written?;
    read
}

/// The name under which old tables are kept.
pub(super) fn aside(stamp: &str) -> String {
    let digits: String = stamp.chars().filter(char::is_ascii_digit).collect();
    format!("{}{digits}", store::ASIDE)
}

/// Name of the database that a URL means; the rest of it may hold a password.
pub(super) fn shown(url: &str) -> String {
    Url::parse(url).map(|url| decoded(url.path().trim_start_matches('/'))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_goes_by_the_environment() {
        let found =
            Connection::of("postgres://dialer:p%40ss%2Fword@db:5433/calls?sslmode=require").unwrap().0;
        let of = |name: &str| found.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
        assert_eq!(of("PGHOST"), Some("db"));
        assert_eq!(of("PGPORT"), Some("5433"));
        assert_eq!(of("PGUSER"), Some("dialer"));
        assert_eq!(of("PGPASSWORD"), Some("p@ss/word"));
        assert_eq!(of("PGDATABASE"), Some("calls"));
        assert_eq!(of("PGSSLMODE"), Some("require"));
    }

    #[test]
    fn schemas_put_aside_have_plain_names() {
        assert_eq!(aside("20260701T120000Z"), "callwright_before_20260701120000");
    }
}
