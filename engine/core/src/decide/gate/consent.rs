//! Protects people from calls they never agreed to. The law's rule, and ours for artificial voices (GATE-3): the consent that
//! the rules of the place ask for, and consent to an artificial voice whenever one speaks. It comes from the ledger or from
//! the campaign's attested basis. A revocation outweighs the basis and everything granted before it (I11). Where the law
//! of the place is unknown, no consent is known to be enough and the gate stops.

use super::look::Moment;
use crate::clock::Instant;
use crate::decide::snapshot::{ConsentFact, Snapshot};
use crate::decide::verdict::{Gate, GateReport, Reason, ReliedOn};
use crate::domain::campaign::VoiceClass;
use crate::domain::consent::{Form, Purpose};
use crate::rules::ConsentForm;

pub(super) fn check(moment: &Moment<'_>) -> GateReport {
    let mut need = None;
    for legal in moment.legal() {
        match legal {
            Ok(rule) => need = need.max(form_of(rule.consent.form)),
            Err(problem) => {
                return GateReport::stop(Gate::Consent, Reason::RuleMissing)
                    .because(moment.facts(|| problem.to_string()));
            }
        }
    }
    let verdict = match moment.look.message {
        None => call(moment, need),
        Some(Purpose::Email) => not_revoked(moment, Purpose::Email),
        Some(_) => granted(moment, Purpose::Sms, Some(need.unwrap_or(Form::Express))),
    };
    match verdict {
        Ok(()) => GateReport::pass(Gate::Consent),
        Err(reason) => GateReport::stop(Gate::Consent, reason).because(moment.facts(|| words(need))),
    }
}

/// Has the lead granted `purpose`, in whatever form, and not taken it back since?
pub(super) fn is_granted(snapshot: &Snapshot, purpose: Purpose, now: Instant) -> bool {
    matches!(standing(snapshot, purpose, now), Standing::Granted(_))
}

/// The consent that a call by this voice rests on: of those that hold, the one that says most, the latest of equal ones; else
/// the campaign's basis. For the record that has to be kept of the call.
pub(super) fn relied_on(snapshot: &Snapshot, voice: VoiceClass, now: Instant) -> Option<ReliedOn> {
    let purposes: &[Purpose] = match voice {
        VoiceClass::Artificial => &[Purpose::AiVoice],
        VoiceClass::Live => &[Purpose::VoiceContact, Purpose::AiVoice],
    };
    let held = purposes.iter().flat_map(|purpose| holding(snapshot, *purpose, now));
    let best = held.max_by_key(|entry| (entry.form, entry.granted_at));
    let from_ledger =
        best.map(|entry| ReliedOn { consent_id: entry.id, form: entry.form, at: entry.granted_at });
    let basis = || {
        let basis = snapshot.campaign.as_ref()?.campaign.consent_basis.as_ref()?;
        let covers = basis.attested_at <= now && (voice == VoiceClass::Live || basis.covers_ai_voice);
        covers.then_some(ReliedOn { consent_id: None, form: basis.form, at: basis.attested_at })
    };
    from_ledger.or_else(basis)
}

/// Has the person agreed in writing to be called, and not taken it back since? Of the ledger only.
pub(super) fn is_written(snapshot: &Snapshot, now: Instant) -> bool {
    standing(snapshot, Purpose::VoiceContact, now) == Standing::Granted(Form::ExpressWritten)
}

fn call(moment: &Moment<'_>, need: Option<Form>) -> Result<(), Reason> {
    granted(moment, Purpose::VoiceContact, need)?;
    if moment.look.voice == VoiceClass::Artificial {
        granted(moment, Purpose::AiVoice, Some(need.unwrap_or(Form::Oral)))?;
    }
    Ok(())
}

/// Is `purpose` permitted in a form at least as strong as `need`? Without a need only a revocation matters.
fn granted(moment: &Moment<'_>, purpose: Purpose, need: Option<Form>) -> Result<(), Reason> {
    let now = moment.look.decided_at;
    let mut known = standing(moment.snapshot, purpose, now);
    if purpose == Purpose::VoiceContact && !matches!(known, Standing::Revoked) {
        // Who agrees to be called by an artificial voice has agreed to be called.
        known = known.max(standing(moment.snapshot, Purpose::AiVoice, now).but_revoked(known));
    }
    match (known, need) {
        (Standing::Revoked, _) => Err(Reason::ConsentRevoked),
        (_, None) => Ok(()),
        (Standing::Granted(form), Some(need)) if form >= need => Ok(()),
        (_, Some(need)) if basis_covers(moment, purpose, need) => Ok(()),
        _ if purpose == Purpose::AiVoice => Err(Reason::AiVoiceConsentMissing),
        _ => Err(Reason::ConsentMissing),
    }
}

fn not_revoked(moment: &Moment<'_>, purpose: Purpose) -> Result<(), Reason> {
    match standing(moment.snapshot, purpose, moment.look.decided_at) {
        Standing::Revoked => Err(Reason::ConsentRevoked),
        Standing::Silent | Standing::Granted(_) => Ok(()),
    }
}

/// Where the ledger stands on one purpose; ordered by how much it permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    Revoked,
    Silent,
    Granted(Form),
}

impl Standing {
    /// A revocation of this purpose says nothing about the other one.
    fn but_revoked(self, other: Standing) -> Standing {
        if self == Standing::Revoked { other } else { self }
    }
}

fn standing(snapshot: &Snapshot, purpose: Purpose, now: Instant) -> Standing {
    let entries =
        || snapshot.consents.iter().filter(|entry| entry.purpose == purpose && entry.granted_at <= now);
    let revoked_at = entries().filter_map(|entry| entry.revoked_at).filter(|at| *at <= now).max();
    match (holding(snapshot, purpose, now).map(|entry| entry.form).max(), revoked_at) {
        (Some(form), _) => Standing::Granted(form),
        (None, Some(_)) => Standing::Revoked,
        (None, None) => Standing::Silent,
    }
}

/// Entries in force: a revocation outweighs everything granted before it.
fn holding(snapshot: &Snapshot, purpose: Purpose, now: Instant) -> impl Iterator<Item = &ConsentFact> {
    let entries = move || {
        snapshot.consents.iter().filter(move |entry| entry.purpose == purpose && entry.granted_at <= now)
    };
    let revoked_at = entries().filter_map(|entry| entry.revoked_at).filter(|at| *at <= now).max();
    entries().filter(move |entry| {
        entry.revoked_at.is_none_or(|at| at > now)
            && revoked_at.is_none_or(|revoked| entry.granted_at > revoked)
    })
}

fn basis_covers(moment: &Moment<'_>, purpose: Purpose, need: Form) -> bool {
    let basis = moment.snapshot.campaign.as_ref().and_then(|facts| facts.campaign.consent_basis.as_ref());
    basis.is_some_and(|basis| {
        basis.form >= need
            && basis.attested_at <= moment.look.decided_at
            && (purpose != Purpose::AiVoice || basis.covers_ai_voice)
    })
}

/// The ledger's form that satisfies a legal one. India's registered consent is written; its evidence names the registration.
fn form_of(form: ConsentForm) -> Option<Form> {
    match form {
        ConsentForm::None => None,
        ConsentForm::Express => Some(Form::Express),
        ConsentForm::ExpressWritten | ConsentForm::IndiaExplicit => Some(Form::ExpressWritten),
    }
}

fn words(need: Option<Form>) -> String {
    let need = need.map_or("no particular", Form::as_str);
    format!(
        "{need} consent is needed by law; neither the ledger nor the campaign's basis gives what is missing"
    )
}
