//! What goes wrong, and how often in one run: each seed enables some faults and draws a rate for each (swarm testing).

use super::rng::Rng;

macro_rules! faults {
    ($($(#[$meta:meta])* $name:ident = $text:literal, $most:literal);+ $(;)?) => {
        /// Something that goes wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault { $($(#[$meta])* $name),+ }

        impl Fault {
            pub const ALL: &'static [Fault] = &[$(Fault::$name),+];

            pub const fn name(self) -> &'static str {
                match self { $(Fault::$name => $text),+ }
            }

            /// Highest rate of a thousand opportunities.
            const fn most(self) -> u16 {
                match self { $(Fault::$name => $most),+ }
            }
        }
    };
}

faults! {
    /// A worker dies at a boundary between two steps.
    Kill = "kill", 60;
    /// It stops for 1 s to 14 h, and goes on where it was.
    Pause = "pause", 40;
    /// A commit of a worker fails: nothing was written.
    CommitFailed = "commit-failed", 50;
    /// A commit is applied and its answer lost.
    CommitUnknown = "commit-unknown", 50;
    /// Nobody reaches the database for a while.
    DatabaseDown = "database-down", 30;
    /// A claim takes up to three seconds.
    SlowCommit = "slow-commit", 200;
    /// New work is not announced: it is noticed by polling.
    HintLost = "hint-lost", 900;
    /// The provider refuses: a rate limit.
    Reject = "reject", 150;
    /// It refuses for good.
    RejectForGood = "reject-for-good", 60;
    /// It accepts and answers 500.
    AcceptError = "accept-error", 120;
    /// It accepts, and the answer is lost.
    ReplyLost = "reply-lost", 120;
    /// The request is lost on the way.
    RequestLost = "request-lost", 120;
    /// It accepts after the client has given up.
    AcceptLate = "accept-late", 120;
    CallbackLost = "callback-lost", 250;
    /// Delivered two or three times.
    CallbackRepeated = "callback-repeated", 400;
    /// Up to half an hour late.
    CallbackLate = "callback-late", 250;
    /// A second or so late, so that reports overtake each other.
    CallbackReordered = "callback-reordered", 500;
    LookUpFailed = "look-up-failed", 300;
    /// The provider's list shows a call up to 20 s after it was accepted.
    LookUpLags = "look-up-lags", 600;
    /// A person says stop, on the phone or elsewhere.
    OptOut = "opt-out", 250;
    Suppress = "suppress", 350;
    PauseCampaign = "pause-campaign", 300;
    PauseEnrollment = "pause-enrollment", 350;
    RevokeConsent = "revoke-consent", 300;
    EndEnrollment = "end-enrollment", 200;
    ChangeNumber = "change-number", 300;
}

/// How often each fault strikes in one run, of a thousand opportunities. Zero: not in this run.
#[derive(Debug, Clone)]
pub struct Rates([u16; Fault::ALL.len()]);

impl Rates {
    /// Every second fault, at a rate of its own.
    pub fn draw(rng: &mut Rng, dropped: &[Fault]) -> Self {
        let mut rates = [0; Fault::ALL.len()];
        for fault in Fault::ALL {
            let (is_on, rate) = (rng.chance(500), rng.between(1, i64::from(fault.most()) + 1) as u16);
            if is_on && !dropped.contains(fault) {
                rates[*fault as usize] = rate;
            }
        }
        Self(rates)
    }

    pub fn of(&self, fault: Fault) -> u16 {
        self.0[fault as usize]
    }

    /// Faults of this run.
    pub fn enabled(&self) -> impl Iterator<Item = Fault> {
        Fault::ALL.iter().copied().filter(|fault| self.of(*fault) > 0)
    }
}

/// How often each fault struck.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fired([u64; Fault::ALL.len()]);

impl Fired {
    pub fn count(&mut self, fault: Fault) {
        self.0[fault as usize] += 1;
    }

    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }

    pub fn of(&self, fault: Fault) -> u64 {
        self.0[fault as usize]
    }

    /// Faults that are declared and never struck.
    pub fn never(&self) -> Vec<&'static str> {
        Fault::ALL.iter().filter(|fault| self.of(**fault) == 0).map(|fault| fault.name()).collect()
    }
}
