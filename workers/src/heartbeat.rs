//! Signs of life of the dial loop, for whoever asks whether this process still does its work.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// When the loop was last seen moving. The loop beats; others look.
#[derive(Debug, Default)]
pub struct Heartbeat(Mutex<Life>);

#[derive(Debug, Clone, Copy, Default)]
enum Life {
    /// This process has no loop, or it has not begun.
    #[default]
    None,
    Beating(Instant),
    /// It was told to stop and did.
    Stopped,
}

/// How the loop is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pulse {
    None,
    /// Since the last beat.
    Beating(Duration),
    Stopped,
}

impl Heartbeat {
    pub fn beat(&self) {
        self.beat_at(Instant::now());
    }

    /// The loop was seen moving at `at`.
    pub fn beat_at(&self, at: Instant) {
        self.set(Life::Beating(at));
    }

    pub fn stopped(&self) {
        self.set(Life::Stopped);
    }

    pub fn pulse(&self) -> Pulse {
        match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Life::None => Pulse::None,
            Life::Beating(at) => Pulse::Beating(at.elapsed()),
            Life::Stopped => Pulse::Stopped,
        }
    }

    fn set(&self, life: Life) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = life;
    }
}
