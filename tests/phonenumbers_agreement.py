#!/usr/bin/env python3
"""Compares the product's reading of phone numbers with the package `phonenumbers`: validity, E.164, region and kind of line.

    cargo build -p callwright-tests --bin numbers
    python3 -m venv /tmp/pn && /tmp/pn/bin/pip install phonenumbers==9.0.42
    /tmp/pn/bin/python tests/phonenumbers_agreement.py target/debug/numbers --numbers 40000

Numbers are made from a seed: examples of every kind in every country with digits changed, plain random digits, written as E.164,
as people write them at home, and with spaces and brackets. Differences that are wanted are counted by their reason; any other one
is printed, and the exit code is 1. The version of the package
is that of the product's own metadata (crate rlibphonenumber): another one knows other ranges. Not part of `cargo test`: it needs
Python and the package.
"""
import argparse
import collections
import json
import random
import subprocess
import sys

import phonenumbers
from phonenumbers import PhoneNumberFormat as Form
from phonenumbers import PhoneNumberType as Kind

KINDS = {Kind.MOBILE: "mobile", Kind.FIXED_LINE: "landline", Kind.VOIP: "voip", Kind.TOLL_FREE: "toll-free"}
NEVER_CALLED = {
    Kind.PREMIUM_RATE: "premium-rate", Kind.SHARED_COST: "not-a-personal-line", Kind.PAGER: "not-a-personal-line",
    Kind.UAN: "not-a-personal-line", Kind.VOICEMAIL: "not-a-personal-line",
}
BLOCKED = {"555", "911", "000", "111"}
REGIONS = (
    "US CA IN GB AU FR DE ES IT NL BE CH AT SE NO DK FI PL CZ PT IE GR RO HU BR MX AR CL CO PE ZA NG KE EG AE SA IL TR RU UA "
    "CN JP KR SG MY TH VN ID PH PK BD LK NZ HK TW PR JM").split()
MADE = [Kind.MOBILE, Kind.FIXED_LINE, Kind.FIXED_LINE_OR_MOBILE, Kind.TOLL_FREE, Kind.PREMIUM_RATE, Kind.VOIP, Kind.SHARED_COST, Kind.UAN]


def numbers(count, chance):
    """Pairs of a text and the region it is read in, if any."""
    while count > 0:
        region = chance.choice(REGIONS)
        example = phonenumbers.example_number_for_type(region, chance.choice(MADE)) or phonenumbers.example_number(region)
        national = phonenumbers.national_significant_number(example)
        changed = chance.choice([2, 4, 6, len(national)])
        keep = national[:max(0, len(national) - changed)]
        digits = keep + "".join(chance.choice("0123456789") for _ in range(len(national) - len(keep)))
        if chance.random() < 0.03:
            digits = digits[:-1] if chance.random() < 0.5 else digits + "7"
        number = phonenumbers.PhoneNumber(example.country_code, int(digits or "0"))
        if digits.startswith("0") and example.italian_leading_zero:
            number.italian_leading_zero = True
        style = chance.random()
        if style < 0.6:
            yield phonenumbers.format_number(number, Form.E164), None
        elif style < 0.75:
            yield phonenumbers.format_number(number, Form.INTERNATIONAL), None
        elif style < 0.9:
            yield phonenumbers.format_number(number, Form.NATIONAL), region
        elif region in ("US", "CA", "PR", "JM") and len(digits) == 10:
            yield (digits if chance.random() < 0.5 else "1" + digits), None
        else:
            yield digits, region
        count -= 1


def area(text, number):
    """The area code of what is written as a North American number."""
    digits = "".join(c for c in text if c.isdigit())
    if number is not None and number.country_code == 1:
        return phonenumbers.national_significant_number(number)[:3]
    return digits[1:4] if text.startswith("+1") else digits[:3] if len(digits) == 10 else digits[1:4]


def expected(text, region):
    """What the other reader says in the product's words: (answer, why it differs on purpose)."""
    assumed = region or (None if text.startswith("+") else "US")
    try:
        number = phonenumbers.parse(text, assumed)
    except phonenumbers.NumberParseException:
        return None, None
    is_american = number.country_code == 1 and (text.startswith("+") or region in (None, "US", "CA"))
    if is_american and area(text, number) in BLOCKED:
        return None, "area codes 555, 911, 000 and 111 are never called"
    if not phonenumbers.is_valid_number(number):
        return None, None
    kind = phonenumbers.number_type(number)
    if kind in NEVER_CALLED:
        return None, f"{NEVER_CALLED[kind]} numbers are never called"
    where = phonenumbers.region_code_for_number(number)
    return {
        "e164": phonenumbers.format_number(number, Form.E164),
        "region": None if where == "001" else where,
        "type": KINDS.get(kind, "unknown"),
    }, None


def explain(text, theirs, ours):
    """Differences that are wanted beyond those of `expected`."""
    digits = sum(c.isdigit() for c in text)
    if ours.get("refused") == "short-code" and digits <= 6:
        return "numbers of up to six digits are never called"
    if ours.get("refused") == "too-long" and theirs and len(theirs["e164"]) > len("+") + 15:
        return "E.164 has at most fifteen digits"
    if ours.get("refused") == "not-a-number" and any(c.isalpha() or c in ",;x#" for c in text):
        return "letters and extensions are refused"
    return None


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("binary", help="the built `numbers`")
    options.add_argument("--numbers", type=int, default=40_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--show", type=int, default=20, help="differences to print")
    options = options.parse_args()
    made = list(numbers(options.numbers, random.Random(options.seed)))
    lines = "\n".join(text if region is None else f"{text}\t{region}" for text, region in made)
    ran = subprocess.run([options.binary], input=lines + "\n", capture_output=True, text=True, check=True)
    answers = [json.loads(line) for line in ran.stdout.splitlines()]
    if len(answers) != len(made):
        sys.exit(f"{len(answers)} answers to {len(made)} numbers")
    tally, wanted, differences = collections.Counter(), collections.Counter(), []
    for (text, region), ours in zip(made, answers):
        theirs, purpose = expected(text, region)
        tally["valid" if theirs else "refused"] += 1
        if purpose:
            wanted[purpose] += 1
        same = "refused" in ours if theirs is None else all(ours.get(key) == value for key, value in theirs.items())
        if same:
            continue
        reason = explain(text, theirs, ours)
        if reason:
            wanted[reason] += 1
        else:
            differences.append((region, text, theirs, ours))
    print(f"{len(made)} numbers in {len(REGIONS)} countries: {tally['valid']} may be called, {tally['refused']} may not")
    for reason, count in wanted.most_common():
        print(f"  {count} on purpose: {reason}")
    for region, text, theirs, ours in differences[:options.show]:
        print(f"DIFFERENT {text!r} in {region}: the package {theirs}, the product {ours}")
    print(f"{len(differences)} unexplained differences")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
