#!/usr/bin/env python3
"""Writes holidays.yaml from the maintained package `holidays` (MIT), plus what the law adds and the package does not.

    python3 -m venv /tmp/hol && /tmp/hol/bin/pip install holidays==0.109
    /tmp/hol/bin/python engine/rules/regenerate_holidays.py > engine/rules/holidays.yaml

Observance is the package's: a holiday on a weekend is listed on its day and on the day it is observed instead, and both count.
`check_holidays.py` compares the file with a second package.
"""
import datetime
import sys

import holidays

YEARS = range(2025, 2031)
# States whose calling rules name holidays, and the provinces of Canada, whose people take their own days off.
STATES = ["AL", "LA", "PA", "RI", "UT", "NE"]
PROVINCES = ["AB", "BC", "MB", "NB", "NL", "NS", "NT", "NU", "ON", "PE", "QC", "SK", "YT"]


def nth(year, month, weekday, n):
    first = datetime.date(year, month, 1)
    return first + datetime.timedelta(days=(weekday - first.weekday()) % 7 + 7 * (n - 1))


def election_day(year):
    return nth(year, 11, 0, 1) + datetime.timedelta(days=1)


def general_election_day(year):
    return election_day(year) if year % 2 == 0 else None


def good_friday(year):
    return easter(year) - datetime.timedelta(days=2)


def mardi_gras(year):
    return easter(year) - datetime.timedelta(days=47)


def easter(year):
    a, b, c = year % 19, year // 100, year % 100
    d, e = b // 4, b % 4
    g = (b - (b + 8) // 25 + 1) // 3
    h = (19 * a + b - d - g + 15) % 30
    k = (32 + 2 * e + 2 * (c // 4) - h - c % 4) % 7
    m = (a + 11 * h + 22 * k) // 451
    month, day = divmod(h + k - 7 * m + 114, 31)
    return datetime.date(year, month, day + 1)


# What statutes name and the package leaves out.
ADDED = {
    "US-AL": {"Mardi Gras": mardi_gras},  # Ala. Code 1-3-8: a state holiday in Mobile and Baldwin counties
    "US-PA": {"Good Friday": good_friday, "Election Day": election_day},  # 44 P.S. 11
    "US-RI": {"General Election Day": general_election_day},  # R.I. Gen. Laws 25-1-1
    "US-NE": {"Day after Thanksgiving": lambda year: nth(year, 11, 3, 4) + datetime.timedelta(days=1)},  # Neb. Rev. Stat. 62-301
}
NAMES = {"Day After Thanksgiving": "Day after Thanksgiving"}


def listed(country, part=None, language=None):
    days = {}
    for date, names in holidays.country_holidays(country, subdiv=part, years=YEARS, language=language).items():
        for name in names.split("; "):
            name = name.replace(" (observed)", "").replace(" (estimated)", "")
            days.setdefault(NAMES.get(name, name), set()).add(date)
    return days


def own(place, country_days):
    """What a part has beyond its country."""
    country, part = place.split("-")
    national = set().union(*country_days.values())
    days = {name: dates - national for name, dates in listed(country, part, "en_US" if country == "CA" else None).items()}
    for name, rule in ADDED.get(place, {}).items():
        days.setdefault(name, set()).update(date for date in map(rule, YEARS) if date)
    return {name: dates - national for name, dates in days.items() if dates - national}


def australia():
    """National days, and those that every state keeps: substitute days are decided by the states."""
    days = listed("AU")
    parts = [listed("AU", part) for part in holidays.country_holidays("AU").subdivisions]
    common = set.intersection(*(set().union(*part.values()) for part in parts))
    for name, dates in parts[0].items():
        if dates & common:
            days.setdefault(name, set()).update(dates & common)
    return days


def calendars():
    united_states = listed("US")
    yield "US", united_states
    for state in STATES:
        yield f"US-{state}", own(f"US-{state}", united_states)
    canada = listed("CA", language="en_US")
    yield "CA", canada
    for province in PROVINCES:
        yield f"CA-{province}", own(f"CA-{province}", canada)
    yield "IN", listed("IN", language="en_IN")
    yield "AU", australia()
    yield "GB", listed("GB", "ENG")
    yield "FR", listed("FR", language="en_US")


def main():
    print("# Written by regenerate_holidays.py from the package `holidays`", holidays.__version__, "(MIT) and what statutes add; do not edit.")
    print("# Public holidays on which some rules and campaigns do not call, written out so that they can be checked by eye.")
    print("# A holiday on a weekend is also listed on the day on which it is observed: both count. Dates that follow the moon are estimates.")
    print("# `calendars` are keyed by jurisdiction; a state's list adds to the country's.")
    print(f"covers: {{ from: {YEARS.start}-01-01, until: {YEARS.stop}-01-01 }}")
    print("calendars:")
    for place, days in calendars():
        if not days:
            continue
        print(f"  {place}:")
        for name, dates in sorted(days.items(), key=lambda item: min(date.timetuple().tm_yday for date in item[1])):
            quoted = f'"{name}"' if any(mark in name for mark in ":#{}[],&*'\"") and '"' not in name else name
            print(f"    {quoted}: [{', '.join(map(str, sorted(dates)))}]")


sys.exit(main())
