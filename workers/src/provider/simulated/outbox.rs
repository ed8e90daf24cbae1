//! Sends callbacks: signed, repeated a few times when nobody could be reached. A question (`answered`, `input`) is repeated
//! only while no byte of it can have arrived; a fact may arrive twice.

use std::time::Duration;

use chrono::Utc;

use crate::provider::signature;
use crate::provider::wire::{Callback, TurnBody};

/// A callback and where it goes.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    pub url: String,
    pub callback: Callback,
}

#[derive(Debug)]
pub(super) struct Outbox {
    client: reqwest::Client,
    secret: Vec<u8>,
    retries: Retries,
}

/// How often and how patiently an unreachable receiver is tried again.
#[derive(Debug, Clone, Copy)]
pub struct Retries {
    pub tries: u32,
    /// Pause before the second try; doubles each time.
    pub first_pause: Duration,
}

impl Default for Retries {
    fn default() -> Self {
        Self { tries: 6, first_pause: Duration::from_millis(250) }
    }
}

/// Why a callback did not arrive, as far as the sender can tell.
#[derive(Debug)]
enum Miss {
    NotConnected,
    Unclear,
    Refused,
}

impl Outbox {
    pub fn new(client: reqwest::Client, secret: Vec<u8>, retries: Retries) -> Self {
        Self { client, secret, retries }
    }

    /// Delivers a fact; `false` when it was given up.
    pub async fn tell(&self, letter: &Letter) -> bool {
        self.try_all(letter, |miss| !matches!(miss, Miss::Refused)).await.is_some()
    }

    /// Delivers a fact with a wrong signature, once: whoever accepts it has a hole. Answers whether it was refused.
    pub async fn tell_forged(&self, letter: &Letter) -> bool {
        matches!(self.post(letter, b"somebody else's secret").await, Err(Miss::Refused))
    }

    /// Asks what to say; `None` when nobody answered sensibly, and the call must end.
    pub async fn ask(&self, letter: &Letter) -> Option<TurnBody> {
        let body = self.try_all(letter, |miss| matches!(miss, Miss::NotConnected)).await?;
        serde_json::from_slice(&body)
            .inspect_err(|error| tracing::warn!(%error, call = letter.callback.call_id, "unreadable turn"))
            .ok()
    }

    async fn try_all(&self, letter: &Letter, may_repeat: impl Fn(&Miss) -> bool) -> Option<Vec<u8>> {
        let mut pause = self.retries.first_pause;
        for attempt in 1..=self.retries.tries.max(1) {
            match self.post(letter, &self.secret).await {
                Ok(body) => return Some(body),
                Err(miss) if !may_repeat(&miss) || attempt == self.retries.tries => {
                    let event = letter.callback.event.name();
                    tracing::warn!(?miss, event, call = letter.callback.call_id, "callback given up");
                    return None;
                }
                Err(_) => {
                    // Real time, also under a virtual clock: it is the network that needs it.
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
            }
        }
        None
    }

    async fn post(&self, letter: &Letter, secret: &[u8]) -> Result<Vec<u8>, Miss> {
        let body = serde_json::to_vec(&letter.callback).map_err(|_| Miss::Refused)?;
        let signature = signature::sign(secret, Utc::now(), &body);
        let request = self
            .client
            .post(&letter.url)
            .header(signature::HEADER, signature)
            .header("content-type", "application/json")
            .body(body);
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) if error.is_connect() => return Err(Miss::NotConnected),
            Err(error) if error.is_builder() => return Err(Miss::Refused),
            Err(_) => return Err(Miss::Unclear),
        };
        if answer.status().is_success() {
            return answer.bytes().await.map(|bytes| bytes.to_vec()).map_err(|_| Miss::Unclear);
        }
        let again =
            answer.status().is_server_error() || answer.status() == reqwest::StatusCode::TOO_MANY_REQUESTS;
        Err(if again { Miss::Unclear } else { Miss::Refused })
    }
}
