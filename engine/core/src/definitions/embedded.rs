//! The shipped definitions, compiled into the binary so that it works from any folder. A test holds this list and the
//! folders together.

macro_rules! shipped {
    ($($path:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../", $path)))),+]
    };
}

/// The words that scripts share.
pub const SHARED_WORDS: (&str, &str) = (
    "flows/scripts/common.yaml",
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../flows/scripts/common.yaml")),
);

/// The same as `build.rs` read them: JSON.
pub const SHARED_WORDS_READ: &str = include_str!(concat!(env!("OUT_DIR"), "/words.json"));

/// (relative path, text) of every shipped definition.
pub const FILES: &[(&str, &str)] = shipped![
    "cadences/new-lead.yaml",
    "cadences/outbound-caller.yaml",
    "cadences/price-drop.yaml",
    "cadences/promo.yaml",
    "cadences/qualification.yaml",
    "cadences/replay.yaml",
    "cadences/restock.yaml",
    "cadences/thank-you.yaml",
    "cadences/trial-nurture.yaml",
    "cadences/upgrade-offer.yaml",
    "flows/new-lead.yaml",
    "flows/outbound-caller.yaml",
    "flows/price-drop.yaml",
    "flows/promo.yaml",
    "flows/property-inquiry.yaml",
    "flows/qualification.yaml",
    "flows/replay.yaml",
    "flows/restock.yaml",
    "flows/scripts/common.yaml",
    "flows/scripts/follow-up.yaml",
    "flows/scripts/missed-you.yaml",
    "flows/scripts/new-lead.yaml",
    "flows/scripts/outbound-caller.yaml",
    "flows/scripts/price-drop.yaml",
    "flows/scripts/promo.yaml",
    "flows/scripts/property-inquiry.yaml",
    "flows/scripts/qualification.yaml",
    "flows/scripts/replay.yaml",
    "flows/scripts/restock.yaml",
    "flows/scripts/trial-ending.yaml",
    "flows/scripts/trial-nurture.yaml",
    "flows/scripts/upgrade-offer.yaml",
    "flows/shared/connect.yaml",
    "flows/shared/recording-consent.yaml",
    "flows/trial-nurture.yaml",
    "flows/upgrade-offer.yaml",
];
