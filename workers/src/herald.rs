//! Carries a process's bell to the other processes on the same PostgreSQL, and theirs to it: at most one message per
//! 25 ms, however much was committed, and none per row. Everything works without it, by polling, only later.

use std::time::Duration;

use callwright_engine::store::wake::{self, Listener};
use callwright_engine::store::{Db, Dialect};
use tokio_util::sync::CancellationToken;

use crate::bell::Bell;
use crate::queue::Hints;
use crate::rest::Rest;

/// What rings within this time is told together.
const TOGETHER: Duration = Duration::from_millis(25);
const SHORTEST_REST: Duration = Duration::from_millis(200);
const LONGEST_REST: Duration = Duration::from_secs(15);

/// Tells and listens until `stop`. `name` is unique among living processes. On SQLite there is nobody to talk to, and behind a
/// transaction pooler nothing can be heard: this process then polls, and still tells the others.
pub async fn run(db: Db, name: String, bell: Bell, hints: Hints, stop: CancellationToken) {
    if db.dialect() == Dialect::Sqlite {
        // Whoever runs us takes an end before the stop for a failure.
        return stop.cancelled().await;
    }
    let both = async { tokio::join!(tell(&db, &name, &bell), listen(&db, &name, &bell, &hints)) };
    tokio::select! {
        _ = both => {}
        () = stop.cancelled() => {}
    }
}

async fn tell(db: &Db, name: &str, bell: &Bell) {
    loop {
        bell.to_carry().await;
        if let Err(error) = wake::tell(db, name).await {
            tracing::debug!(%error, "other processes will notice by their next poll");
        }
        tokio::time::sleep(TOGETHER).await;
    }
}

async fn listen(db: &Db, name: &str, bell: &Bell, hints: &Hints) {
    let mut rest = Rest::between(SHORTEST_REST, LONGEST_REST);
    loop {
        match Listener::open(db).await {
            Ok(Some(mut listener)) => {
                rest.is_over();
                // Nobody knows what was told before.
                ring(bell, hints);
                while let Ok(heard) = listener.heard().await {
                    if heard.as_deref() != Some(name) {
                        ring(bell, hints);
                    }
                }
            }
            Ok(None) => return,
            Err(error) => tracing::debug!(%error, "cannot hear other processes; polling meanwhile"),
        }
        tokio::time::sleep(rest.pause()).await;
    }
}

fn ring(bell: &Bell, hints: &Hints) {
    bell.ring_here();
    hints.ring_all();
}
