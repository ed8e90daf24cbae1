//! What a look-up says about an attempt. Absence proves something only when no request can be on its way any more (I14).

use chrono::TimeDelta;

use crate::answer::{Capabilities, FoundEnd, LookUpResult};
use crate::domain::attempt::AttemptState;

/// By the wall: a request that is still on its way now will have arrived, or never will. Longer than any time-out of ours.
const ARRIVES_WITHIN_S: f64 = 10.0;

/// What has to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterLookUp<'a> {
    /// It proves nothing: looked at again later.
    Nothing,
    /// The provider has, or had, the call. `is_news`: that was not known.
    Found { provider_call_id: &'a str, is_news: bool, end: Option<FoundEnd> },
    /// The provider accepted the call and no longer knows it: whatever it was, it is over.
    Forgotten,
    /// The doubt is over: `NotPlaced` where a look-up can prove it, else `UnknownFinal`.
    WrittenOff(AttemptState),
}

/// Follows a look-up of an attempt in `state` whose intent was `age` old when the provider was asked, by a clock that runs
/// `speed` times as fast as the wall.
pub fn after_look_up(
    state: AttemptState,
    result: &LookUpResult,
    age: TimeDelta,
    capabilities: Capabilities,
    speed: f64,
) -> AfterLookUp<'_> {
    match result {
        LookUpResult::Found { provider_call_id, end } => {
            AfterLookUp::Found { provider_call_id, is_news: state != AttemptState::Placed, end: *end }
        }
        LookUpResult::Failed { .. } => AfterLookUp::Nothing,
        LookUpResult::Absent if state == AttemptState::Placed => {
            if capabilities.look_up {
                AfterLookUp::Forgotten
            } else {
                AfterLookUp::Nothing
            }
        }
        LookUpResult::Absent if age < conclusive_after(capabilities, speed) => AfterLookUp::Nothing,
        LookUpResult::Absent if capabilities.look_up => AfterLookUp::WrittenOff(AttemptState::NotPlaced),
        LookUpResult::Absent => AfterLookUp::WrittenOff(AttemptState::UnknownFinal),
    }
}

/// The age from which absence is conclusive (T_rec).
pub fn conclusive_after(capabilities: Capabilities, speed: f64) -> TimeDelta {
    let on_its_way = TimeDelta::milliseconds((ARRIVES_WITHIN_S * 1e3 * speed.max(1.0)) as i64);
    capabilities.conclusive_after.max(on_its_way)
}
