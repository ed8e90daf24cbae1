//! The complete package of a call (TRG-4): everything a voice platform needs to make it, under the names that the CRM uses.
//!
//! Pure: [`build::complete`] puts it together from what the shell has loaded, [`CallPackage::freeze`] makes the bytes that are
//! kept, hashed and sent. Which calls get one and where it is kept is decided in `engine`.

pub mod build;
mod hours;
mod script;

use std::sync::LazyLock;

use chrono::{DateTime, NaiveDate, Utc};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::domain::consent::Form;
use crate::domain::priority::Priority;
use crate::id::{AttemptId, CampaignId, EnrollmentId, LeadId};
use crate::money::Number;

/// Everything about one call. Prices are JSON numbers printed from decimals, never from floats.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct CallPackage {
    /// This very attempt: a retry is another call with another id.
    #[schemars(with = "String")]
    pub call_id: AttemptId,
    /// Which try of its step it is, from 1.
    pub attempt: u32,
    #[schemars(with = "String")]
    pub enrollment_id: EnrollmentId,
    #[schemars(with = "String")]
    pub customer_id: LeadId,
    pub customer_name: String,
    /// E.164.
    pub phone_number: String,
    pub email: Option<String>,
    /// Language of the words, such as `en` or `hi-Latn`.
    pub language: String,
    pub product_name: Option<String>,
    pub product_id: Option<String>,
    /// Whether it can be had now.
    pub availability: Availability,
    /// `15%`, in the words of a text.
    pub discount: Option<String>,
    pub coupon_code: Option<String>,
    /// Why this call is made, in a sentence.
    pub reason: String,
    /// `price_drop`, `restock`, `promo`, …; none: no trigger raised it.
    pub trigger_type: Option<String>,
    pub trigger_id: Option<String>,
    pub campaign_name: String,
    #[schemars(with = "String")]
    pub campaign_id: CampaignId,
    /// Who speaks, and for whom.
    pub agent_name: String,
    pub company_name: String,
    #[schemars(with = "Option<f64>")]
    pub original_price: Option<Number>,
    #[schemars(with = "Option<f64>")]
    pub new_price: Option<Number>,
    /// For one piece.
    #[schemars(with = "Option<f64>")]
    pub savings_amount: Option<Number>,
    /// ISO 4217 code of the amounts.
    pub currency: Option<String>,
    /// May the refund be stated? Nobody promises more than this.
    pub refund_eligible: bool,
    /// For the whole of what was bought.
    #[schemars(with = "Option<f64>")]
    pub refund_amount: Option<Number>,
    /// The offer holds until then.
    pub offer_valid_until: Option<DateTime<Utc>>,
    /// What to say, complete, in the customer's language.
    pub call_script: String,
    #[schemars(with = "String")]
    pub priority: Priority,
    /// 0 to 100, by the documented formula.
    pub priority_points: u8,
    /// The customer's own wish, else the hours of the cadence: `2:00 PM - 4:00 PM EST`.
    pub best_call_time: Option<String>,
    /// As clocks there are called at the time of the call: `EST`, `EDT`, `IST`.
    pub customer_timezone: Option<String>,
    /// Newest first.
    pub purchase_history: Vec<PastPurchase>,
    pub flow_id: String,
    /// Content hash of the cadence with its flows and scripts.
    pub flow_version: String,
    pub consent: ConsentOnFile,
    pub callback_urls: CallbackUrls,
}

/// One earlier purchase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PastPurchase {
    pub product_name: String,
    /// On the customer's calendar.
    pub purchase_date: NaiveDate,
    /// For the whole line.
    #[schemars(with = "f64")]
    pub amount_paid: Number,
    pub currency: String,
}

/// Whether a product can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    InStock,
    OutOfStock,
    /// No product, or nobody counts its stock.
    Unknown,
}

/// On what the call rests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ConsentOnFile {
    pub source: ConsentSource,
    /// `oral`, `express` or `express_written`.
    #[schemars(with = "Option<String>")]
    pub form: Option<Form>,
    pub covers_ai_voice: bool,
    pub granted_at: Option<DateTime<Utc>>,
}

/// Where a consent is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConsentSource {
    /// The customer's own, in the ledger.
    Ledger,
    /// The campaign's attested basis.
    Campaign,
    None,
}

/// Where to report, and where the package can be had again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CallbackUrls {
    /// What became of the call.
    pub status: String,
    pub package: String,
}

/// A package as it is kept and sent: its bytes and what they hash to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frozen {
    /// JSON.
    pub body: String,
    /// SHA-256 of the body, hex.
    pub hash: String,
}

impl Frozen {
    /// Bytes that were kept.
    pub fn of(body: String) -> Self {
        let hash = hex::encode(Sha256::digest(&body));
        Self { body, hash }
    }
}

impl CallPackage {
    /// The bytes to keep and send.
    pub fn freeze(&self) -> Result<Frozen, serde_json::Error> {
        serde_json::to_string(self).map(Frozen::of)
    }
}

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let schema = generator.into_root_schema_for::<CallPackage>().to_value();
    let mut named = Map::new();
    named.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    named.insert("$id".to_owned(), json!("https://callwright.dev/schema/package.schema.json"));
    if let Value::Object(rest) = schema {
        for (key, value) in rest {
            named.entry(key).or_insert(value);
        }
    }
    Value::Object(named)
});

/// The JSON Schema (draft 2020-12) of a package, generated from the type: the two cannot drift.
pub fn schema() -> &'static Value {
    &SCHEMA
}
