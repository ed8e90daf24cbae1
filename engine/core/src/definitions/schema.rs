//! JSON Schemas (draft 2020-12) of every kind of file, generated from the types that are read, so the two cannot drift (DEF-2).

use std::sync::LazyLock;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::raw::{cadence::RawCadence, flow::RawFlow, script::RawScript, test::RawTest};
use crate::domain::text_enum::text_enum;
use crate::rules::{HolidayFile, RuleFile};

text_enum! {
    /// What a file defines: the key it starts with.
    pub enum DefinitionKind {
        Flow = "flow",
        Script = "script",
        Cadence = "cadence",
        Test = "test",
    }
}

text_enum! {
    /// Every kind of file that has a schema: definitions, and the files of calling rules.
    pub enum SchemaKind {
        Flow = "flow",
        Script = "script",
        Cadence = "cadence",
        Test = "test",
        Rules = "rules",
        Holidays = "holidays",
    }
}

impl From<DefinitionKind> for SchemaKind {
    fn from(kind: DefinitionKind) -> Self {
        match kind {
            DefinitionKind::Flow => Self::Flow,
            DefinitionKind::Script => Self::Script,
            DefinitionKind::Cadence => Self::Cadence,
            DefinitionKind::Test => Self::Test,
        }
    }
}

impl SchemaKind {
    /// One such file, in a sentence.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Rules => "rule file",
            Self::Holidays => "holiday file",
            Self::Flow | Self::Script | Self::Cadence | Self::Test => self.as_str(),
        }
    }
}

static SCHEMAS: [LazyLock<Value>; 6] = [
    LazyLock::new(|| generate::<RawFlow>(SchemaKind::Flow)),
    LazyLock::new(|| generate::<RawScript>(SchemaKind::Script)),
    LazyLock::new(|| generate::<RawCadence>(SchemaKind::Cadence)),
    LazyLock::new(|| generate::<RawTest>(SchemaKind::Test)),
    LazyLock::new(|| generate::<RuleFile>(SchemaKind::Rules)),
    LazyLock::new(|| generate::<HolidayFile>(SchemaKind::Holidays)),
];

/// The schema of a kind. Its `$id` never changes: `https://callwright.dev/schema/flow.schema.json`.
pub fn schema(kind: impl Into<SchemaKind>) -> &'static Value {
    match kind.into() {
        SchemaKind::Flow => &SCHEMAS[0],
        SchemaKind::Script => &SCHEMAS[1],
        SchemaKind::Cadence => &SCHEMAS[2],
        SchemaKind::Test => &SCHEMAS[3],
        SchemaKind::Rules => &SCHEMAS[4],
        SchemaKind::Holidays => &SCHEMAS[5],
    }
}

fn generate<T: JsonSchema>(kind: SchemaKind) -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<T>().to_value();
    tidy(&mut schema);
    let mut named = Map::new();
    named.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    named.insert("$id".to_owned(), json!(format!("https://callwright.dev/schema/{kind}.schema.json")));
    if let Value::Object(rest) = schema {
        for (key, value) in rest {
            named.entry(key).or_insert(value);
        }
    }
    Value::Object(named)
}

/// An optional key may be left out, but an empty one is a mistake: `null` is taken out of every type. Formats and bounds that
/// only describe Rust's integers are noise to editors.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.remove("format");
            map.remove("default");
            if map.get("minimum") == Some(&json!(0)) {
                map.remove("minimum");
            }
            if let Some(Value::Array(types)) = map.get_mut("type") {
                types.retain(|each| each != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    map.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(arms)) = map.get_mut("anyOf") {
                arms.retain(|arm| arm.get("type") != Some(&json!("null")));
                if let [Value::Object(only)] = arms.as_slice() {
                    let only = only.clone();
                    map.remove("anyOf");
                    for (key, value) in only {
                        map.entry(key).or_insert(value);
                    }
                }
            }
            map.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}
