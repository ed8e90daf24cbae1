//! The token of a plan: the request in full and the numbers that were looked at, so that `apply` needs nothing else and can
//! tell what has changed since. It is no secret; a check sum tells mistyped ones.

use sha2::{Digest, Sha256};

use super::plan::PublicationPlan;
use super::{PublishRequest, short};
use crate::domain::publication::{MapTo, StepMap};
use crate::engine::EngineError;

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub cadence: String,
    pub version: String,
    pub mode: crate::domain::publication::Mode,
    pub rate: u32,
    pub steps: StepMap,
    /// Beginning of what new enrollments got.
    pub head: String,
    pub numbers: Numbers,
}

/// The numbers of a plan that people agree to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers {
    pub running: u64,
    pub ends: u64,
    pub at_once: u64,
    pub empty: u64,
}

const FORM: &str = "p1";
pub const NONE: &str = "none";
/// Differences up to this many people, or a tenth, are the ordinary coming and going.
const FEW: u64 = 10;

impl Numbers {
    /// In words, what is no longer as it was; nothing: close enough.
    pub fn differences(self, now: Self) -> Vec<String> {
        let tell = |what: &str, was: u64, is: u64, only_more: bool| {
            let by = was.abs_diff(is);
            let matters = by > FEW.max(was / 10) && (is > was || !only_more);
            matters.then(|| format!("{what}: {was} when planned, {is} now"))
        };
        [
            tell("people under way", self.running, now.running, false),
            tell("people who would end", self.ends, now.ends, true),
            tell("people who would be due at once", self.at_once, now.at_once, true),
            tell("people without a variable that is needed", self.empty, now.empty, true),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl Token {
    pub fn of(request: &PublishRequest, plan: &PublicationPlan) -> Self {
        Self {
            cadence: request.cadence.clone(),
            version: plan.to.clone(),
            mode: request.mode,
            rate: request.rate,
            steps: request.steps.clone(),
            head: plan.head.as_deref().map_or(NONE, short).to_owned(),
            numbers: plan.numbers(),
        }
    }

    pub fn read(text: &str) -> Result<Self, EngineError> {
        Self::parse(text.trim()).ok_or_else(|| EngineError::Invalid {
            field: "token".to_owned(),
            message: "this is no token of a plan, or not all of it; `callwright plan` prints one".to_owned(),
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let (content, sum) = text.rsplit_once('+')?;
        if sum != check_sum(content) {
            return None;
        }
        let parts: Vec<&str> = content.split('+').collect();
        let [FORM, cadence, version, mode, rate, steps, head, numbers] = parts.as_slice() else {
            return None;
        };
        let pairs = steps.split(',').filter(|pair| !pair.is_empty());
        let steps = pairs
            .map(|pair| pair.split_once(':').map(|(from, to)| (from.to_owned(), MapTo::new(to))))
            .collect::<Option<StepMap>>()?;
        let numbers: Vec<u64> = numbers.split('.').map(str::parse).collect::<Result<_, _>>().ok()?;
        let [running, ends, at_once, empty] = *numbers.as_slice() else { return None };
        Some(Self {
            cadence: (*cadence).to_owned(),
            version: (*version).to_owned(),
            mode: mode.parse().ok()?,
            rate: rate.parse().ok()?,
            steps,
            head: (*head).to_owned(),
            numbers: Numbers { running, ends, at_once, empty },
        })
    }

    pub fn request(&self) -> PublishRequest {
        PublishRequest {
            cadence: self.cadence.clone(),
            to: Some(self.version.clone()),
            mode: self.mode,
            steps: self.steps.clone(),
            rate: self.rate,
        }
    }
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let steps: Vec<String> =
            self.steps.iter().map(|(from, to)| format!("{from}:{}", to.as_str())).collect();
        let Numbers { running, ends, at_once, empty } = self.numbers;
        let content = format!(
            "{FORM}+{}+{}+{}+{}+{}+{}+{running}.{ends}.{at_once}.{empty}",
            self.cadence,
            self.version,
            self.mode,
            self.rate,
            steps.join(","),
            self.head
        );
        write!(f, "{content}+{}", check_sum(&content))
    }
}

fn check_sum(content: &str) -> String {
    hex::encode(&Sha256::digest(content)[..4])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::publication::Mode;

    fn token() -> Token {
        Token {
            cadence: "new-lead".to_owned(),
            version: "a".repeat(64),
            mode: Mode::Migrate,
            rate: 60,
            steps: StepMap::from([
                ("pause".to_owned(), MapTo::new("second")),
                ("split/a/last".to_owned(), MapTo::new("end")),
            ]),
            head: NONE.to_owned(),
            numbers: Numbers { running: 10_000, ends: 3, at_once: 400, empty: 0 },
        }
    }

    #[test]
    fn a_token_reads_back() {
        assert_eq!(Token::read(&token().to_string()).unwrap(), token());
        let plain = Token { steps: StepMap::new(), ..token() };
        assert_eq!(Token::read(&format!(" {plain}\n")).unwrap(), plain);
    }

    #[test]
    fn a_mistyped_token_is_refused() {
        let text = token().to_string();
        for wrong in [text.replace("10000", "10001"), text[..text.len() - 1].to_owned(), String::new()] {
            assert!(Token::read(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_ordinary_coming_and_going_is_no_difference() {
        let was = token().numbers;
        assert!(was.differences(Numbers { running: 9_500, at_once: 390, ..was }).is_empty());
        let now = was.differences(Numbers { running: 12_000, ends: 14, ..was });
        assert_eq!(
            now,
            [
                "people under way: 10000 when planned, 12000 now",
                "people who would end: 3 when planned, 14 now"
            ]
        );
    }
}
