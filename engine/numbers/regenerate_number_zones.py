#!/usr/bin/env python3
"""Writes number-zones.yaml from libphonenumber's metadata (package `phonenumbers`, Apache-2.0).

    python3 -m venv /tmp/pn && /tmp/pn/bin/pip install phonenumbers
    /tmp/pn/bin/python engine/numbers/regenerate_number_zones.py > engine/numbers/number-zones.yaml

libphonenumber gives one default zone to many exchanges of area codes that lie in several zones, so only the union of
all zones under an area code is taken. Newer overlays lack the split of the code they overlay and inherit it here.
"""
import sys
import phonenumbers
from phonenumbers import geocoder, tzdata

OVERLAYS = {448: 850, 364: 270, 930: 812, 986: 208, 458: 541, 367: 418, 581: 418, 879: 709, 778: 250, 236: 250, 672: 250, 257: 250,
            474: 306, 639: 306, 273: 418}
# libphonenumber gives Orlando's overlay the Central zone of an older plan; it lies in Eastern like 407, which it overlays.
WRONG = {689: ["America/New_York"]}
STATES = dict(zip(
    "Alabama,Alaska,Arizona,Arkansas,California,Colorado,Connecticut,Delaware,Florida,Georgia,Hawaii,Idaho,Illinois,Indiana,Iowa,"
    "Kansas,Kentucky,Louisiana,Maine,Maryland,Massachusetts,Michigan,Minnesota,Mississippi,Missouri,Montana,Nebraska,Nevada,"
    "New Hampshire,New Jersey,New Mexico,New York,North Carolina,North Dakota,Ohio,Oklahoma,Oregon,Pennsylvania,Rhode Island,"
    "South Carolina,South Dakota,Tennessee,Texas,Utah,Vermont,Virginia,Washington State,West Virginia,Wisconsin,Wyoming,"
    "Washington D.C.,Washington".split(","),
    "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA RI SC SD "
    "TN TX UT VT VA WA WV WI WY DC WA".split()))
PROVINCES = {
    "AB": [403, 587, 780, 825, 368], "BC": [236, 250, 257, 604, 672, 778], "MB": [204, 431, 584], "NB": [428, 506],
    "NL": [709, 879], "NS": [782, 902], "QC": [263, 273, 354, 367, 418, 438, 450, 468, 514, 579, 581, 819, 873],
    "SK": [306, 474, 639], "NT": [867],
    "ON": [226, 249, 289, 343, 365, 382, 416, 437, 519, 548, 613, 647, 683, 705, 742, 753, 807, 905, 942]}
PROVINCE_OF = {code: name for name, codes in PROVINCES.items() for code in codes}
TERRITORIES = {"PR", "GU", "VI", "AS", "MP"}
# Names that the IANA database keeps only as links, and splits that matter for calling hours but not for libphonenumber.
MODERN = {"Asia/Calcutta": "Asia/Kolkata", "Asia/Saigon": "Asia/Ho_Chi_Minh", "Asia/Katmandu": "Asia/Kathmandu",
          "Asia/Rangoon": "Asia/Yangon", "Europe/Kiev": "Europe/Kyiv", "Atlantic/Faeroe": "Atlantic/Faroe",
          "America/Buenos_Aires": "America/Argentina/Buenos_Aires", "America/Godthab": "America/Nuuk"}


def union(prefix):
    zones = set()
    for known, names in tzdata.TIMEZONE_DATA.items():
        if known.startswith(prefix):
            zones.update(names)
    return sorted({MODERN.get(zone, zone) for zone in zones})


def region_of_area(npa):
    for exchange in range(200, 1000, 7):
        number = phonenumbers.parse(f"+1{npa}{exchange}4567")
        region = phonenumbers.region_code_for_number(number)
        if region and phonenumbers.number_type(number) in (0, 1, 2):
            return region, number
    return None, None


def place(npa):
    region, number = region_of_area(npa)
    if region == "US":
        for exchange in range(200, 1000, 3):
            text = geocoder.description_for_number(phonenumbers.parse(f"+1{npa}{exchange}4567"), "en")
            name = text.split(", ")[-1]
            state = STATES.get(name, name if len(name) == 2 and name.isupper() else None)
            if state:
                return f"US-{state}"
        return "US"
    if region == "CA":
        return f"CA-{PROVINCE_OF[npa]}" if npa in PROVINCE_OF else "CA"
    return f"US-{region}" if region in TERRITORIES else region


def main():
    areas = {}
    for npa in range(200, 1000):
        where = place(npa)
        zones = WRONG.get(npa) or set(union(f"1{OVERLAYS.get(npa, npa)}")) | set(union(f"1{npa}"))
        if where and zones:
            areas.setdefault((where, tuple(sorted(zones))), []).append(npa)
    print(f"# Written by regenerate_number_zones.py from libphonenumber {phonenumbers.__version__} (Apache-2.0); do not edit.")
    print("# Area codes of the North American plan: place, zones of every exchange under the code, codes.")
    print(f"source: libphonenumber {phonenumbers.__version__}")
    print("areas:")
    for (where, zones), codes in sorted(areas.items()):
        print(f"  - {{ place: {where}, zones: [{', '.join(zones)}], codes: {codes} }}")
    print("overlays: # code: the older code whose zones it shares")
    for npa, parent in sorted(OVERLAYS.items()):
        print(f"  {npa}: {parent}")
    print("# Other countries: the union of their zones. Mobile numbers say nothing finer.")
    print("countries:")
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        code = phonenumbers.country_code_for_region(region)
        if code == 1:
            continue
        regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE[code]
        zones = union(str(code))
        if region != regions[0] or len(regions) > 1:
            zones = own_zones(region, zones)
        if zones:
            print(f'  "{region}": [{", ".join(zones)}]')


def own_zones(region, zones):
    """Regions that share a calling code: the zones that the system's zone table gives the region."""
    with open("/usr/share/zoneinfo/zone.tab") as table:
        rows = [line.split("\t") for line in table if not line.startswith("#")]
    own = sorted({row[2].strip() for row in rows if region == row[0] and not row[2].startswith("Antarctica/")})
    return own or zones


sys.exit(main())
