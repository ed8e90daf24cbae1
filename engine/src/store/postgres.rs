//! Connections to PostgreSQL: what every session is set to, directly or through a transaction pooler, where a session belongs to
//! nobody and everything is set anew per transaction.

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Connection as _, PgConnection, Postgres, Transaction};

use super::db::Db;
use super::erased_number::SeenKey;
use super::error::StoreError;

/// Every statement of the dial path is a handful of index look-ups. The tables fill and empty faster than their statistics
/// follow, and a plan made for an empty one (scan it, hash it, fetch all that is due and sort it) takes seconds once it is full.
/// Whatever must scan all the same looks so dear to PostgreSQL then that it would compile it first.
///
/// The time-outs end what hangs: a transaction whose process is stuck must not keep its locks, and a statement that takes a
/// minute has gone wrong.
const SETTINGS: [(&str, &str); 7] = [
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
    ("statement_timeout", "60s"),
    ("idle_in_transaction_session_timeout", "30s"),
];

/// Of a process that is gone without a word nothing may stay locked: the server lets go of its connection. Behind a pooler that
/// is the pooler's to see to.
const KEEP_ALIVE: [(&str, &str); 4] = [
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "30s"),
];

/// The same settings, for one transaction. One round trip, as `BEGIN` is. Statements that another client has prepared on this
/// connection are in the way of ours, which have the same names.
const BEGIN: &str =
    "BEGIN; DEALLOCATE ALL; SET LOCAL enable_seqscan = 'off'; SET LOCAL enable_bitmapscan = 'off';
    SET LOCAL enable_hashjoin = 'off'; SET LOCAL enable_mergejoin = 'off'; SET LOCAL jit = 'off';
    SET LOCAL statement_timeout = '60s';
    SET LOCAL idle_in_transaction_session_timeout = '30s'";
const BEGIN_READ_ONLY: &str = "BEGIN READ ONLY; DEALLOCATE ALL; SET LOCAL statement_timeout = '60s';
    SET LOCAL idle_in_transaction_session_timeout = '30s'";

/// How long one waits for a connection: ours are held for milliseconds, so that longer means that the server is gone.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
const MOST_CONNECTIONS: u32 = 16;

pub(super) async fn connect(url: &str) -> Result<Db, StoreError> {
    let address = Address::parse(url)?;
    let (options, begin) = if address.is_pooled {
        (address.sessionless()?, Some(BEGIN))
    } else {
        (address.options()?.statement_cache_capacity(256).options(SETTINGS).options(KEEP_ALIVE), None)
    };
    let pool = PgPoolOptions::new().max_connections(MOST_CONNECTIONS).acquire_timeout(ACQUIRE_TIMEOUT);
    // Behind a pooler whatever is said outside a transaction goes to another server connection each time: nothing is.
    if begin.is_some() {
        let pool = pool.test_before_acquire(false).connect_with(options).await?;
        return Ok(Db::Postgres { pool, begin, journal: None, seen_key: SeenKey::default() });
    }
    let pool = pool
        // The driver would ask after every connection on its way out and back, and wait for ever for one that was cut off.
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for >= TRUSTED_FOR {
                    is_alive(connection).await?;
                }
                Ok(true)
            })
        })
        .after_release(|connection, _| Box::pin(async move { is_alive(connection).await.map(|()| true) }))
        .connect_with(options)
        .await?;
    Ok(Db::Postgres { pool, begin, journal: None, seen_key: SeenKey::default() })
}

/// A connection that was in use so recently is taken as it is.
const TRUSTED_FOR: Duration = Duration::from_millis(100);
/// Longest wait for a connection's sign of life.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);

/// Asks after a connection, and finishes what was left half-way on it. An error closes it without a good-bye.
async fn is_alive(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let silent = |_| sqlx::Error::Io(std::io::ErrorKind::TimedOut.into());
    tokio::time::timeout(ANSWERS_WITHIN, connection.ping()).await.map_err(silent)?
}

/// One connection to read through.
pub(super) async fn connect_read_only(url: &str) -> Result<Db, StoreError> {
    let address = Address::parse(url)?;
    let (options, begin) = if address.is_pooled {
        (address.sessionless()?, Some(BEGIN_READ_ONLY))
    } else {
        (address.options()?.options([("default_transaction_read_only", "on")]), None)
    };
    let pool = PgPoolOptions::new().max_connections(1).connect_with(options).await?;
    Ok(Db::Postgres { pool, begin, journal: None, seen_key: SeenKey::default() })
}

pub(super) async fn begin(
    pool: &PgPool,
    begin: Option<&'static str>,
) -> Result<Transaction<'static, Postgres>, StoreError> {
    Ok(match begin {
        Some(statement) => pool.begin_with(statement).await?,
        None => pool.begin().await?,
    })
}

/// A connection beside the pool, whose statements take as long as they take.
pub(super) async fn patient(pool: &PgPool) -> Result<PgPool, StoreError> {
    let options = pool.connect_options().as_ref().clone().options([("statement_timeout", "0")]);
    Ok(PgPoolOptions::new().max_connections(1).connect_with(options).await?)
}

/// A database's address, without what only we understand.
struct Address {
    url: String,
    is_pooled: bool,
}

impl Address {
    /// Reads `pooler=transaction` out of the query.
    fn parse(url: &str) -> Result<Self, StoreError> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let mut is_pooled = false;
        let mut rest = Vec::new();
        for part in query.split('&').filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                Some(("pooler", "transaction")) => is_pooled = true,
                Some(("pooler", other)) => return Err(StoreError::Pooler(other.to_owned())),
                _ => rest.push(part),
            }
        }
        let query = if rest.is_empty() { String::new() } else { format!("?{}", rest.join("&")) };
        Ok(Self { url: format!("{base}{query}"), is_pooled })
    }

    fn options(&self) -> Result<PgConnectOptions, StoreError> {
        Ok(PgConnectOptions::from_str(&self.url)?)
    }

    /// Nothing that a pooler refuses at start-up or forgets afterwards: no settings, and statements prepared for one use.
    fn sessionless(&self) -> Result<PgConnectOptions, StoreError> {
        Ok(self.options()?.statement_cache_capacity(0).extra_float_digits(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_behind_a_pooler_has_every_setting_of_a_session() {
        for (name, value) in SETTINGS {
            assert!(BEGIN.contains(&format!("SET LOCAL {name} = '{value}'")), "{name}");
        }
        assert_eq!(BEGIN.matches("SET LOCAL").count(), SETTINGS.len());
    }

    #[test]
    fn the_pooler_is_read_out_of_the_address() {
        let read = |url: &str| Address::parse(url).map(|address| (address.url, address.is_pooled)).ok();
        let plain = "postgres://u@h:6432/d";
        assert_eq!(read(plain), Some((plain.to_owned(), false)));
        assert_eq!(read("postgres://u@h:6432/d?pooler=transaction"), Some((plain.to_owned(), true)));
        let both = read("postgres://u@h:6432/d?sslmode=disable&pooler=transaction");
        assert_eq!(both, Some((format!("{plain}?sslmode=disable"), true)));
        assert_eq!(read("postgres://u@h:6432/d?pooler=statement"), None);
    }
}
