//! The variables of texts and conditions: the one list of what authors may name, with an example of each.
//!
//! | Name | What it holds |
//! |---|---|
//! | `lead` | `firstName lastName fullName company segment status language email zone country region score tags custom synthetic doNotCall`; `custom.ANYTHING` |
//! | `campaign` | `key name company continueUnrecorded` |
//! | `agent` | `name number` (where people can call back) |
//! | `offer` | `type title percent savings coupon description expiresAt currency` |
//! | `product` | `name oldPrice newPrice currency sku category url purchasedAt` |
//! | `currency` | code for amounts whose own currency is not known |
//! | `answers` | what this call has learned: `save_as` and `set` names |
//! | `event` | in exit rules and waits: the fields of the event, and `event.type` |
//! | `cadence` | `key step placed` (calls placed by this enrollment) |
//!
//! Whatever else an enrollment brings (`variables:` of the cadence) is visible under its own name.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

/// Owners whose fields nobody can list: answers and event fields are named by authors and outside systems.
pub const OPEN: [&str; 2] = ["answers", "event"];
/// Fields that hold anything.
pub const OPEN_FIELDS: [&str; 1] = ["lead.custom"];

/// One complete example of every variable. Checks render every text with it.
pub fn sample() -> Value {
    SAMPLE.clone()
}

static SAMPLE: LazyLock<Value> = LazyLock::new(|| {
    json!({
        "lead": {
            "firstName": "Alice", "lastName": "Johnson", "fullName": "Alice Johnson", "company": "Johnson Designs",
            "segment": "agencies", "status": "cold", "language": "en", "email": "alice@example.com",
            "zone": "America/New_York", "country": "US", "region": "NY", "score": 55, "tags": ["newsletter"],
            "custom": { "plan": "starter", "industry": "design" }, "synthetic": false, "doNotCall": false,
        },
        "campaign": { "key": "campaign_sample", "name": "Sample campaign", "company": "Acme", "continueUnrecorded": false },
        "agent": { "name": "Rachel", "number": "+12125550123" },
        "offer": {
            "type": "price_drop", "title": "Price drop refund", "percent": 15, "savings": "150.00",
            "coupon": "PRICE-15-4821", "description": "15% refund", "expiresAt": "2026-12-31T23:59:00Z", "currency": "USD",
        },
        "product": {
            "name": "iPhone 15 Pro", "oldPrice": "999.99", "newPrice": "849.99", "currency": "USD", "sku": "IP15P",
            "category": "phones", "url": "https://example.com/p/ip15p", "purchasedAt": "2026-01-10",
        },
        "currency": "USD",
        "answers": {},
        "event": { "type": "SAMPLE" },
        "cadence": { "key": "sample", "step": "first", "placed": 1 },
    })
});

/// Gives every variable its place: roots that are missing become empty, their known fields null. Whoever builds the
/// variables of a call or a decision calls this once, so that texts and conditions may name any field of the list above.
pub fn complete(variables: &mut Value) {
    if !variables.is_object() {
        *variables = json!({});
    }
    let Value::Object(given) = variables else { return };
    for (root, example) in SAMPLE.as_object().into_iter().flatten() {
        let slot = given.entry(root.clone()).or_insert(Value::Null);
        let Value::Object(fields) = example else { continue };
        if slot.is_null() {
            *slot = Value::Object(Map::with_capacity(fields.len()));
        }
        if let Value::Object(slot) = slot {
            for field in fields.keys() {
                if !slot.contains_key(field) {
                    slot.insert(field.clone(), Value::Null);
                }
            }
        }
    }
    // `lead.custom.ANYTHING` needs somewhere to look.
    if let Some(custom) = variables.pointer_mut("/lead/custom").filter(|custom| custom.is_null()) {
        *custom = json!({});
    }
}

/// Variables as templates and expressions take them. Convert once per call or decision, not once per text.
pub fn value(variables: &Value) -> minijinja::Value {
    minijinja::value::Serde(variables).into()
}

/// The same for a text of one language: dates are named in it.
pub fn in_language(variables: &minijinja::Value, language: &str) -> minijinja::Value {
    minijinja::context! { language => language, ..variables.clone() }
}

/// Is the dotted path one that authors may name? `further` are names declared by the definition itself.
pub fn knows(path: &str, further: &[&str]) -> bool {
    let root = path.split('.').next().unwrap_or_default();
    if further.contains(&root) || OPEN.contains(&root) {
        return true;
    }
    if OPEN_FIELDS
        .iter()
        .any(|open| path.strip_prefix(open).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
    {
        return true;
    }
    let mut value = &*SAMPLE;
    for part in path.split('.') {
        match value {
            Value::Object(fields) => match fields.get(part) {
                Some(next) => value = next,
                None => return false,
            },
            // `lead.tags.0`, `lead.email.length`: beyond a plain value the engine decides.
            _ => return true,
        }
    }
    true
}

/// Every dotted path, for suggestions.
pub fn paths() -> Vec<String> {
    let mut paths = Vec::new();
    for (root, value) in SAMPLE.as_object().into_iter().flatten() {
        paths.push(root.clone());
        for field in value.as_object().into_iter().flatten().map(|(field, _)| field) {
            paths.push(format!("{root}.{field}"));
        }
    }
    paths
}
