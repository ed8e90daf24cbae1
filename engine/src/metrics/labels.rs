//! The labels. Texts are closed sets of ours; the few that are not (providers, kinds of jobs, routes) are set by the operator or
//! the program, never by a caller.

use prometheus_client::encoding::EncodeLabelSet;

macro_rules! labels {
    ($($(#[$meta:meta])* $name:ident { $($field:ident: $type:ty),+ })+) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
        pub struct $name { $(pub $field: $type),+ }
    )+};
}

labels! {
    /// How a call ended, and through whom.
    Called { provider: String, outcome: &'static str }
    /// The state that was entered.
    Attempted { state: &'static str }
    /// The state that something is in.
    Stated { state: &'static str }
    /// How something went.
    Resulted { result: &'static str }
    /// `defer` or `stop`, and the reason code.
    Blocked { verdict: &'static str, reason: &'static str }
    /// A table of the database.
    Table { table: &'static str }
    /// A promise by its number, such as `I4`.
    Invariant { id: &'static str }
    /// A request to a provider: `place`, `look_up` or `hang_up`, and its answer.
    Request { provider: String, op: &'static str, code: &'static str }
    /// An event of a carrier (`none` when it could not be read), and what became of it.
    CallbackIn { event: &'static str, result: &'static str }
    /// A kind of job.
    Queue { queue: String }
    /// A kind of job in a state.
    QueueState { queue: String, state: &'static str }
    /// How a run of a job ended.
    JobEnded { queue: &'static str, result: &'static str }
    /// `read` or `write`.
    Pool { pool: &'static str }
    /// `flow` or `cadence`.
    Kind { kind: &'static str }
    /// A route by its pattern, never by its address.
    Op { method: &'static str, route: String, status: u16 }
}
