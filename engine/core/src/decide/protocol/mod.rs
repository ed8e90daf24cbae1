//! The protocol of one call, decided: what an answer, a look-up, a fact or a silence means for the attempt and its enrollment.
//! One question per file, each a pure function; the shell (`engine::{claim, place, record, reconcile}`) loads, asks and writes.
//!
//! ```text
//! claim      planned    is a planned attempt still what it was planned as?
//! place      send       may an intent still be sent?        answer  what does the provider's answer mean?
//! record     news       what do facts mean for an attempt in its state?
//! reconcile  doubt      when is a call looked up?           look_up what does the look-up mean at that age?
//!            silence    when is a report not waited for any longer?
//! all        again      when, and as what, the next attempt may come
//! ```

pub mod again;
pub mod answer;
pub mod doubt;
pub mod look_up;
pub mod news;
pub mod planned;
pub mod send;
pub mod silence;

#[cfg(test)]
mod tests;
