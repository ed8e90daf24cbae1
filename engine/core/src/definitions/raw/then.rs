//! The well-known keys of `then`, so that editors offer them; further keys are the author's own answers and endings.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value};

use super::cadence::RawOutcome;

/// What a call may come to, beside the endings of its flow.
const OUTCOMES: [(&str, &str); 11] = [
    ("no_answer", "Nobody picked up."),
    ("busy", "The line was engaged."),
    ("failed", "The call could not be put through."),
    ("voicemail", "A machine answered; it has got the flow's message."),
    ("answered", "Somebody answered, and no more fitting rule stands here."),
    ("converted", "The call reached its goal."),
    ("callback_requested", "The person asked to be called again."),
    ("wrong_number", "The number belongs to somebody else."),
    ("no_input", "The person said nothing."),
    ("hung_up", "The person hung up in the middle."),
    ("default", "Every other outcome."),
];

/// Answers and results that every flow knows.
const ANSWERS: [(&str, &str); 11] = [
    ("default", "Every other answer, silence included."),
    ("no_input", "Nothing was said, also after the last try."),
    ("no_match", "What was said was not understood, also after the last try."),
    ("said", "What was said to an open question."),
    ("opt_out", "The person does not want to be called again; it is recorded in any case."),
    ("agent", "The person wants to talk to somebody."),
    ("wrong_number", "The number belongs to somebody else."),
    ("granted", "Consent was given."),
    ("bridged", "The transfer was answered."),
    ("no_answer", "Nobody answered the transfer."),
    ("busy", "The line of the transfer was engaged."),
];

/// Of a cadence's call step.
pub fn outcomes(generator: &mut SchemaGenerator) -> Schema {
    known(&OUTCOMES, &generator.subschema_for::<RawOutcome>())
}

/// Of a flow's step.
pub fn answers(generator: &mut SchemaGenerator) -> Schema {
    known(&ANSWERS, &generator.subschema_for::<String>())
}

fn known(keys: &[(&str, &str)], value: &Schema) -> Schema {
    let properties: Map<String, Value> = keys
        .iter()
        .map(|(key, description)| {
            let mut schema = value.clone();
            schema.insert("description".to_owned(), Value::from(*description));
            ((*key).to_owned(), schema.to_value())
        })
        .collect();
    json_schema!({ "type": "object", "properties": properties, "additionalProperties": value })
}
