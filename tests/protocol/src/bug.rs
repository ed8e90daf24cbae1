//! Seeded bugs: each leaves out or turns around one safeguard of the protocol. A simulation that does not notice one is worth
//! nothing against it.

macro_rules! bugs {
    ($($(#[$meta:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// A mistake that somebody could make.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Bug { $($(#[$meta])* $name),+ }

        impl Bug {
            pub const ALL: &'static [Bug] = &[$(Bug::$name),+];

            pub const fn name(self) -> &'static str {
                match self { $(Bug::$name => $text),+ }
            }

            pub fn find(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|bug| bug.name() == name)
            }
        }
    };
}

bugs! {
    // asking the provider
    /// A restarted worker asks again for what its former self had claimed.
    RepostOnTakeover = "repost-on-takeover",
    RepostOnTimeout = "repost-on-timeout",
    RepostOnServerError = "repost-on-server-error",
    /// A written-off attempt is planned again under its own id.
    RepostAfterWriteOff = "repost-after-write-off",
    /// The intents of a commit that failed, or whose answer was lost, are sent.
    SendWithoutCommit = "send-without-commit",
    /// Neither the second look nor the sender minds how old the claim is.
    NoFreshness = "no-freshness",
    /// The sender trusts the second look, however long ago it was.
    NoSteadyClock = "no-steady-clock",
    NoSecondLook = "no-second-look",
    // claiming
    /// Neither row locks nor compare-and-set.
    BlindClaim = "blind-claim",
    NoNumberLock = "no-number-lock",
    /// Two attempts of one number in one batch.
    NoBatchMemory = "no-batch-memory",
    StalePlanPlaced = "stale-plan-placed",
    WindowOnlyAtPlanning = "window-only-at-planning",
    SuppressionOnlyAtPlanning = "suppression-only-at-planning",
    ConsentOnlyAtPlanning = "consent-only-at-planning",
    PausedCampaignIgnored = "paused-campaign-ignored",
    /// Gates are not asked again at all.
    GatesOnlyAtPlanning = "gates-only-at-planning",
    // time
    WorkerClock = "worker-clock",
    /// The gates are asked for the instant at which the worker woke up.
    StaleInstant = "stale-instant",
    FixedOffset = "fixed-offset",
    /// The offset of the day before: wrong after a gap or a fold.
    YesterdaysOffset = "yesterdays-offset",
    FirstZoneOnly = "first-zone-only",
    // numbers, caps and pacing
    UnknownFreesNumber = "unknown-frees-number",
    PlacedFreesNumber = "placed-frees-number",
    WriteOffFreesNumber = "write-off-frees-number",
    CapsCountSuccesses = "caps-count-successes",
    CapsOfEnrollment = "caps-of-enrollment",
    UnknownOutsideCaps = "unknown-outside-caps",
    PacingPerWorker = "pacing-per-worker",
    DailyLimitByUtc = "daily-limit-by-utc",
    LinesIgnoreUnknown = "lines-ignore-unknown",
    // answers and look-ups
    TimeoutIsRefusal = "timeout-is-refusal",
    ServerErrorIsRefusal = "server-error-is-refusal",
    /// An answer is written down whatever the attempt has become meanwhile.
    StaleAnswer = "stale-answer",
    NoReconcile = "no-reconcile",
    EarlyReconcile = "early-reconcile",
    /// A look-up counts as made when it is written down.
    AgeWhenWritten = "age-when-written",
    LookUpFailureIsAbsence = "look-up-failure-is-absence",
    NoListening = "no-listening",
    NeverGivesUp = "never-gives-up",
    GivesUpEarly = "gives-up-early",
    // facts
    NonMonotoneState = "non-monotone-state",
    CountEachCallback = "count-each-callback",
    /// The report that came last decides.
    LastCallbackWins = "last-callback-wins",
    CallbackBeforeAnswerIgnored = "callback-before-answer-ignored",
    /// What comes in about an attempt that was given up is stored and not followed.
    GivenUpStaysUntold = "given-up-stays-untold",
    EventOutsideTransaction = "event-outside-transaction",
    EndedRevived = "ended-revived",
    // timers
    NotSentForgotten = "not-sent-forgotten",
    RefusalForgotten = "refusal-forgotten",
    WriteOffForgotten = "write-off-forgotten",
    PauseKeepsPlanned = "pause-keeps-planned",
    ResumeForgetsTimer = "resume-forgets-timer",
    OptOutKeepsPlanned = "opt-out-keeps-planned",
    PlannedTwice = "planned-twice",
    OversleepsNewWork = "oversleeps-new-work",
}
