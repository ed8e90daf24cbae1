//! Events against states (I6): every change of state left its event, once, and no event tells of a change that is not there.
//! Each statement finds the rows that break one rule.

use super::books::Books;

/// A rule, and the statement that finds who breaks it.
type Rule = (&'static str, &'static str);

macro_rules! events_of_attempt {
    ($kinds:literal) => {
        concat!("(SELECT count(*) FROM events v WHERE v.attempt_id = a.id AND v.kind IN (", $kinds, "))")
    };
}

macro_rules! events_of_enrollment {
    ($kind:literal) => {
        concat!("(SELECT count(*) FROM events v WHERE v.enrollment_id = e.id AND v.kind = '", $kind, "')")
    };
}

const RULES: [Rule; 12] = [
    (
        "an attempt without its `attempt.planned`",
        concat!("SELECT a.id FROM attempts a WHERE a.enrollment_id IS NOT NULL AND 1 <> ", events_of_attempt!("'attempt.planned'")),
    ),
    (
        "an intent without its `attempt.dialing`, or one without an intent",
        concat!(
            "SELECT a.id FROM attempts a WHERE a.enrollment_id IS NOT NULL
                AND CASE WHEN a.intent_at IS NULL THEN 0 ELSE 1 END <> ",
            events_of_attempt!("'attempt.dialing'")
        ),
    ),
    (
        "a call without its CALL_PLACED, or one without a call",
        concat!(
            "SELECT a.id FROM attempts a WHERE a.enrollment_id IS NOT NULL
                AND (SELECT count(*) FROM calls c WHERE c.attempt_id = a.id) <> ",
            events_of_attempt!("'CALL_PLACED'")
        ),
    ),
    (
        "a finished call without its CALL_ANSWERED or CALL_NO_ANSWER",
        concat!(
            "SELECT a.id FROM attempts a WHERE a.enrollment_id IS NOT NULL AND a.state = 'finished'
                AND a.provider_call_id IS NOT NULL AND 1 <> ",
            events_of_attempt!("'CALL_ANSWERED', 'CALL_NO_ANSWER'")
        ),
    ),
    (
        "an outcome of an attempt that is not finished",
        concat!("SELECT a.id FROM attempts a WHERE a.state <> 'finished' AND 0 < ", events_of_attempt!("'CALL_ANSWERED', 'CALL_NO_ANSWER'")),
    ),
    (
        "an attempt that was not sent or refused without its event",
        concat!(
            "SELECT a.id FROM attempts a WHERE a.intent_at IS NOT NULL AND a.enrollment_id IS NOT NULL AND (a.state = 'not_sent'
                OR (a.state = 'finished' AND a.provider_call_id IS NULL)) AND 1 <> ",
            events_of_attempt!("'attempt.not_sent', 'attempt.refused'")
        ),
    ),
    (
        "an attempt written off without its `attempt.not_placed`",
        concat!("SELECT a.id FROM attempts a WHERE a.state = 'not_placed' AND 1 <> ", events_of_attempt!("'attempt.not_placed'")),
    ),
    (
        "a story told in the wrong order",
        "SELECT v.attempt_id FROM events v JOIN events w ON w.attempt_id = v.attempt_id
         WHERE ((v.kind = 'attempt.planned' AND w.kind = 'attempt.dialing')
             OR (v.kind = 'attempt.dialing' AND w.kind IN ('CALL_PLACED', 'attempt.not_sent', 'attempt.refused', 'attempt.unknown', 'attempt.not_placed'))
             OR (v.kind = 'CALL_PLACED' AND w.kind IN ('CALL_ANSWERED', 'CALL_NO_ANSWER')))
           AND v.recorded_at > w.recorded_at",
    ),
    (
        "an enrollment without its `enrollment.started`",
        concat!("SELECT e.id FROM enrollments e WHERE 1 <> ", events_of_enrollment!("enrollment.started")),
    ),
    (
        "an end without its `enrollment.ended`, or one of an enrollment that goes on",
        concat!(
            "SELECT e.id FROM enrollments e WHERE CASE WHEN e.state = 'ended' THEN 1 ELSE 0 END <> ",
            events_of_enrollment!("enrollment.ended")
        ),
    ),
    (
        "an enrollment whose count of calls is not that of its events",
        concat!("SELECT e.id FROM enrollments e WHERE e.placed <> ", events_of_enrollment!("CALL_PLACED")),
    ),
    (
        "an opt-out without its OPTOUT_REQUESTED",
        "SELECT l.id FROM leads l WHERE l.do_not_call = 1
           AND NOT EXISTS (SELECT 1 FROM events v WHERE v.lead_id = l.id AND v.kind = 'OPTOUT_REQUESTED')",
    ),
];

/// Who breaks which rule.
pub async fn gaps(books: &mut Books) -> anyhow::Result<Vec<String>> {
    let mut gaps = Vec::new();
    for (rule, sql) in RULES {
        gaps.extend(books.texts(sql).await?.into_iter().map(|id| format!("{rule}: {id}")));
    }
    Ok(gaps)
}
