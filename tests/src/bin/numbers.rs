//! What the product makes of phone numbers, for comparisons with other readers: lines of `NUMBER` or `NUMBER<tab>REGION` on
//! standard input, lines of JSON on standard output in the same order. `tests/phonenumbers_agreement.py` drives it.

use std::io::{BufRead, BufWriter, Write};

use callwright_engine::phone::PhoneNumber;
use serde_json::{Value, json};

fn main() -> std::io::Result<()> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let (text, region) =
            line.split_once('\t').map_or((line.as_str(), None), |(text, region)| (text, Some(region)));
        writeln!(out, "{}", answer(text, region))?;
    }
    out.flush()
}

fn answer(text: &str, region: Option<&str>) -> Value {
    match PhoneNumber::parse(text, region) {
        Ok(number) => json!({
            "e164": number.e164(), "region": number.region(), "type": number.line_type(), "areaCode": number.us_area_code(),
        }),
        Err(refused) => json!({ "refused": refused.reason.code() }),
    }
}
