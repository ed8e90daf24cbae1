//! A PostgreSQL server of a scenario's own, with the durability of production: it is restarted without a checkpoint, its disk
//! fills up, its network is cut. (`postgres` has the fast one that suites share.)

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::process::free_port;
use crate::postgres;

/// A running server; gone, with its folder, when the value is dropped or this process ends.
#[derive(Debug)]
pub struct Server {
    script: Child,
    /// Taken away to end the script.
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    host: String,
    port: u16,
    next: AtomicU32,
}

/// Takes orders on its input until that closes. Runs as a user that is not root, as `initdb` insists.
const SCRIPT: &str = r#"
set -u
cd /
bin=$1 port=$2 listen=$3 parent=$4
folder=$(mktemp -d "$parent/callwright-faults.XXXXXX") || exit 1
trap '"$bin/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1; rm -rf "$folder"' EXIT
"$bin/initdb" -D "$folder/data" -U callwright -A trust -E UTF8 --locale=C --no-sync --wal-segsize=1 >"$folder/initdb.log" 2>&1 || exit 1
echo "host all all samenet trust" >>"$folder/data/pg_hba.conf"
trap 'exit 1' HUP INT TERM
start() {
    "$bin/pg_ctl" -D "$folder/data" -w -t 60 -l "$folder/server.log" -o "-p $port -c listen_addresses=$listen \
        -c unix_socket_directories= -c max_connections=300 -c max_locks_per_transaction=256 -c min_wal_size=2MB -c max_wal_size=16MB" \
        start >/dev/null 2>&1
}
while read -r order; do
    case $order in
    start) if "$bin/pg_ctl" -D "$folder/data" status >/dev/null 2>&1 || start; then echo ok; else tail -n 3 "$folder/server.log" >&2; echo failed; fi ;;
    immediate) "$bin/pg_ctl" -D "$folder/data" -m immediate -w stop >/dev/null 2>&1; echo ok ;;
    esac
done
"#;

/// The folder of the installed server's programs.
pub fn binaries() -> Option<PathBuf> {
    postgres::installed()
}

impl Server {
    /// Starts one that listens on `listen` (an address, or several with commas) and keeps its files below `parent`.
    pub fn start(listen: &str, parent: &Path) -> anyhow::Result<Self> {
        let binaries = binaries().context("PostgreSQL is not installed")?;
        let port = free_port()?;
        let mut script = postgres::unprivileged()
            .args(["sh", "-c", SCRIPT, "callwright-faults"])
            .arg(binaries)
            .args([&port.to_string(), listen])
            .arg(parent)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Its own process group: whoever stops this program by its group leaves the script to stop the server in order.
            .process_group(0)
            .spawn()
            .context("cannot start a shell for PostgreSQL")?;
        let orders = script.stdin.take();
        let answers = BufReader::new(script.stdout.take().context("the script's output")?);
        let host = listen.split(',').next().unwrap_or(listen).to_owned();
        let mut server = Self { script, orders, answers, host, port, next: AtomicU32::new(0) };
        ensure!(server.order("start")?, "PostgreSQL does not start");
        Ok(server)
    }

    /// A new, empty database; its URL. The server is given a moment to recover.
    pub async fn create_database(&self) -> anyhow::Result<String> {
        let name = format!("callwright_{}", self.next.fetch_add(1, Ordering::Relaxed));
        self.administer(&format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")).await?;
        Ok(self.url(&name))
    }

    pub fn url(&self, database: &str) -> String {
        format!("postgres://callwright@{}:{}/{database}", self.host, self.port)
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Ends sessions in whatever they are doing, each with this chance in a hundred; how many.
    pub async fn end_sessions(&self, of_hundred: u32) -> anyhow::Result<u64> {
        let mut connection = PgConnection::connect(&self.url("postgres")).await?;
        let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
             WHERE pid <> pg_backend_pid() AND backend_type = 'client backend' AND application_name <> 'books' AND random() * 100 < $1";
        let ended: i64 =
            sqlx::query_scalar(sql).bind(f64::from(of_hundred)).fetch_one(&mut connection).await?;
        Ok(ended as u64)
    }

    /// `pg_ctl stop -m immediate`: no checkpoint, no good-bye; and starts it again, which recovers from the log.
    pub fn crash_and_start(&mut self) -> anyhow::Result<()> {
        self.order("immediate")?;
        ensure!(self.order("start")?, "PostgreSQL does not come back");
        Ok(())
    }

    /// Starts it if it is down; whether it is up now.
    pub fn revive(&mut self) -> anyhow::Result<bool> {
        self.order("start")
    }

    fn order(&mut self, order: &str) -> anyhow::Result<bool> {
        let orders = self.orders.as_mut().context("the script's input")?;
        writeln!(orders, "{order}")?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        match line.trim() {
            "ok" => Ok(true),
            "failed" => Ok(false),
            other => bail!("the script of PostgreSQL answered `{other}` to `{order}`"),
        }
    }

    async fn administer(&self, statement: &str) -> anyhow::Result<()> {
        let url = self.url("postgres");
        let mut connection = if let Ok(connection) = PgConnection::connect(&url).await {
            connection
        } else {
            tokio::time::sleep(Duration::from_secs(1)).await;
            PgConnection::connect(&url).await?
        };
        // Names are made of digits and our own words above; DDL takes no binds.
        sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await?;
        connection.close().await?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Ends the script's loop, whose trap stops the server and removes its folder.
        drop(self.orders.take());
        let _ = self.script.wait();
    }
}
