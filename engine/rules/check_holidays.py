#!/usr/bin/env python3
"""Compares holidays.yaml with a second source, the package `workalendar` (MIT). Exit code 1 on a difference nobody has explained.

    python3 -m venv /tmp/hol && /tmp/hol/bin/pip install workalendar==17.0.0 pyyaml
    /tmp/hol/bin/python engine/rules/check_holidays.py
"""
import datetime
import pathlib
import sys

import yaml
from workalendar.america import Canada, Ontario, Quebec
from workalendar.europe import France, UnitedKingdom
from workalendar.oceania import Australia
from workalendar.usa import Alabama, Louisiana, Nebraska, Pennsylvania, RhodeIsland, UnitedStates, Utah

YEARS = range(2025, 2031)
FILE = pathlib.Path(__file__).with_name("holidays.yaml")
OTHERS = {
    "US": UnitedStates, "US-AL": Alabama, "US-LA": Louisiana, "US-PA": Pennsylvania, "US-RI": RhodeIsland, "US-UT": Utah,
    "US-NE": Nebraska, "CA": Canada, "CA-ON": Ontario, "CA-QC": Quebec, "AU": Australia, "GB": UnitedKingdom, "FR": France,
}


LISTED = yaml.safe_load(FILE.read_text())["calendars"]


def ours(place):
    days = {}
    for calendar in (place.split("-")[0], place):
        for name, dates in LISTED.get(calendar, {}).items():
            for date in dates:
                days.setdefault(date, name)
    return days


def theirs(place):
    return {date: name for year in YEARS for date, name in OTHERS[place]().holidays(year) if date.year in YEARS}


def near(date, days):
    """Is the same holiday there a day or two away? One source lists the day itself, the other the day it is observed."""
    return date.weekday() >= 5 or any(date + datetime.timedelta(days=off) in days for off in (-2, -1, 1, 2))


# Why a day stands in one source only.
EXPLAINED = {
    ("ours", "Mardi Gras"): "a state holiday in two counties (Ala. Code 1-3-8): kept",
    ("ours", "Columbus Day"): "federal; the other source leaves it out where a state does not close for it",
    ("ours", "Washington's Birthday"): "federal; the other source leaves it out where a state does not close for it",
    ("ours", "Juneteenth National Independence Day"): "federal since 2021; not in the other source for this state",
    ("ours", "Easter Sunday"): "kept by every Australian state since 2027",
    ("ours", "Good Friday"): "Canada Labour Code, section 166",
    ("theirs", "Easter Monday"): "Quebec: kept by employers instead of Good Friday, not by statute",
    ("theirs", "Civic Holiday (Not for all)"): "not statutory in Ontario",
}


def main():
    unexplained, explained = [], {}
    for place in OTHERS:
        mine, other = ours(place), theirs(place)
        only = [("ours", date, mine[date]) for date in sorted(set(mine) - set(other))]
        only += [("theirs", date, other[date]) for date in sorted(set(other) - set(mine))]
        for side, date, name in only:
            reason = EXPLAINED.get((side, name)) or (near(date, other if side == "ours" else mine) and "on a weekend, or observed on another day")
            if reason:
                explained.setdefault((side, name, reason), []).append(f"{place} {date}")
            else:
                unexplained.append(f"{place} {date} {date:%a} {name}: only {side}")
        print(f"{place:6} {len(mine)} days, {len(other)} in the other source, {len(set(mine) & set(other))} in both")
    for (side, name, reason), where in sorted(explained.items()):
        print(f"  only {side}: {name} ({len(where)}; {where[0]}): {reason}")
    for line in unexplained:
        print(f"UNEXPLAINED {line}")
    print(f"{len(unexplained)} unexplained differences")
    return 1 if unexplained else 0


sys.exit(main())
