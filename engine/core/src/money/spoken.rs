//! Amounts as people write and say them: the currency's sign, its country's grouping, as many digits as it has.

use rust_decimal::{Decimal, RoundingStrategy};

use super::Currency;

/// As [`written`], but as people say it: Indian speech drops empty paise, dollars keep their cents.
pub fn spoken(amount: Decimal, currency: Currency) -> String {
    let text = written(amount, currency);
    if currency == Currency::INR { text.trim_end_matches(".00").to_owned() } else { text }
}

/// `$1,234.50`, `₹ 12,34,567.00`, `¥500`, `KWD 1.250`; what is finer than the currency is rounded for show, half up.
pub fn written(amount: Decimal, currency: Currency) -> String {
    let digits = u32::from(currency.digits());
    let rounded = amount.round_dp_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero);
    let sign = if rounded.is_sign_negative() && !rounded.is_zero() { "-" } else { "" };
    let plain = format!("{:.1$}", rounded.abs(), digits as usize);
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
    let number = group(whole, currency == Currency::INR);
    let number = if fraction.is_empty() { number } else { format!("{number}.{fraction}") };
    match currency.code() {
        "INR" => format!("{sign}₹ {number}"),
        "USD" => format!("{sign}${number}"),
        "EUR" => format!("{sign}€{number}"),
        "GBP" => format!("{sign}£{number}"),
        "JPY" => format!("{sign}¥{number}"),
        other => format!("{sign}{other} {number}"),
    }
}

/// Groups digits: by three, or the Indian way: the last three, then by two.
fn group(digits: &str, indian: bool) -> String {
    let count = digits.len();
    let mut text = String::with_capacity(count + count / 2);
    for (index, digit) in digits.chars().enumerate() {
        let left = count - index;
        let boundary = if indian { left == 3 || (left > 3 && left % 2 == 1) } else { left.is_multiple_of(3) };
        if index > 0 && boundary {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
