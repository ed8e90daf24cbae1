//! Words of the language in plain English: variables, filters, outcomes and results. Tests hold each table against the code
//! that knows the words.

/// A word and what it stands for.
pub type Entry = (&'static str, &'static str);

/// Variables of texts and conditions.
pub const VARIABLES: &[Entry] = &[
    ("lead", "The person who is called."),
    ("lead.firstName", "First name; may be missing."),
    ("lead.lastName", "Last name; may be missing."),
    ("lead.fullName", "First and last name; missing when neither is known."),
    ("lead.company", "The person's company."),
    ("lead.segment", "Market segment: `solo_devs`, `agencies` or `enterprise`."),
    (
        "lead.status",
        "Where the lead stands: `cold`, `contacted`, `trial`, `customer`, `unresponsive` or `opted_out`.",
    ),
    ("lead.language", "Language code, such as `en` or `hi-Latn`."),
    ("lead.email", "E-mail address; may be missing."),
    ("lead.zone", "Time zone, such as `America/New_York`; may be missing."),
    ("lead.country", "Country code, such as `US`; may be missing."),
    ("lead.region", "State or other part of the country; may be missing."),
    ("lead.score", "Points the lead has gathered."),
    ("lead.tags", "List of tags: `\"newsletter\" in lead.tags`."),
    ("lead.custom", "Further fields of the lead: `lead.custom.plan`."),
    ("lead.synthetic", "True for leads made up by a simulation."),
    ("lead.doNotCall", "True when the lead must not be called."),
    ("campaign", "The campaign that places the call."),
    ("campaign.key", "The campaign's id."),
    ("campaign.name", "The campaign's name."),
    ("campaign.company", "The company in whose name is called."),
    ("campaign.continueUnrecorded", "Whether a call goes on when recording was refused."),
    ("agent", "The voice that speaks."),
    ("agent.name", "The name it introduces itself with."),
    ("agent.number", "Number at which a person answers; speak it with `| phone`; may be missing."),
    ("offer", "The offer an enrollment brings."),
    ("offer.type", "Kind of offer, such as `price_drop`."),
    ("offer.title", "The offer in a few words."),
    ("offer.percent", "Discount in per cent."),
    ("offer.savings", "What is saved; speak it with `| money`."),
    ("offer.coupon", "Coupon code."),
    ("offer.description", "The offer in a sentence."),
    ("offer.expiresAt", "When it ends; speak it with `| date`."),
    ("offer.currency", "Currency of the offer's amounts."),
    ("product", "The product an enrollment brings."),
    ("product.name", "Name of the product."),
    ("product.oldPrice", "Price before; speak it with `| money`."),
    ("product.newPrice", "Price now; speak it with `| money`."),
    ("product.currency", "Currency of the product's prices."),
    ("product.sku", "Stock keeping unit."),
    ("product.category", "Category of the product."),
    ("product.url", "Address of the product's page."),
    ("product.purchasedAt", "When it was bought; speak it with `| date`."),
    ("currency", "Currency for amounts whose own is not known."),
    ("answers", "What this call has learned: names given by `save_as` and `set`."),
    ("event", "In exit rules and waits: the fields of the event."),
    ("event.type", "Name of the event."),
    ("cadence", "The cadence the lead is in."),
    ("cadence.key", "The cadence's name."),
    ("cadence.step", "The step it is at."),
    ("cadence.placed", "Calls placed in this enrollment so far."),
];

/// Filters, with an example.
pub const FILTERS: &[Entry] = &[
    ("lower", "In lower case: `lead.company | lower`."),
    ("upper", "In upper case: `offer.coupon | upper`."),
    ("title", "Every Word With A Capital: `offer.title | title`."),
    ("capitalize", "First letter in upper case: `offer.description | capitalize`."),
    ("trim", "Without spaces at both ends: `lead.company | trim`."),
    ("length", "Number of letters or entries: `lead.tags | length`."),
    ("first", "First entry: `lead.tags | first`."),
    ("last", "Last entry: `lead.tags | last`."),
    ("round", "Rounded: `offer.percent | round`, `price | round(2)`."),
    ("abs", "Without its sign: `lead.score | abs`."),
    ("int", "As a whole number: `answers.budget | int`."),
    ("float", "As a number: `answers.budget | float`."),
    ("min", "Least entry of a list."),
    ("max", "Greatest entry of a list."),
    ("default", "Another value where there is none: `lead.firstName | default(\"there\")`."),
    ("join", "Entries as one text: `lead.tags | join(\", \")`."),
    ("times", "Multiplied by a number: `product.oldPrice | times(0.9)`."),
    (
        "money",
        "An amount as people say it: `product.newPrice | money`, `amount | money(\"INR\")` gives ₹ 2,48,900.",
    ),
    (
        "date",
        "A date in the lead's zone: `offer.expiresAt | date`; styles `long`, `short`, `weekday` and `time`: `| date(\"weekday\")`.",
    ),
    ("phone", "A phone number in groups that can be read out: `number | phone`."),
    ("name", "A name without markup, digits or shouting: `lead.firstName | name`."),
];

/// What a call may end as, for a cadence's `then`.
pub const OUTCOMES: &[Entry] = &[
    ("answered", "A person answered, and the ending of the flow stands for nothing more special."),
    ("converted", "The person accepted."),
    ("voicemail", "A machine answered."),
    ("no_answer", "Nobody answered."),
    ("busy", "The line was busy."),
    ("failed", "The call could not be connected."),
    ("opted_out", "The person asked not to be called again."),
    ("wrong_number", "The number belongs to somebody else."),
    ("callback_requested", "The person asked to be called again."),
    ("hung_up", "The person hung up before the flow ended."),
    ("default", "Every outcome that is not listed."),
];

/// Keys of `then` below `ask` that are no answers of the script.
pub const RESERVED_ANSWERS: &[Entry] = &[
    ("default", "Every answer that is not listed, silence, and words nobody expected."),
    ("no_input", "Nothing was said after the last try."),
    ("no_match", "Nothing expected was said after the last try."),
    ("said", "Whatever was said; needs `open: true`."),
];

/// Answers every flow understands.
pub const GLOBAL_ANSWERS: &[Entry] = &[
    ("opt_out", "The person asks not to be called again."),
    ("agent", "The person wants to talk to a human."),
    ("wrong_number", "This is not the person we look for."),
];

/// Results of a transfer.
pub const TRANSFER_RESULTS: &[Entry] = &[
    ("bridged", "The two are connected."),
    ("no_answer", "Nobody picked up."),
    ("busy", "The line was busy."),
    ("failed", "The transfer could not be made."),
    ("default", "Every result that is not listed."),
];

/// Results of asking for consent.
pub const CONSENT_RESULTS: &[Entry] = &[
    ("granted", "The person clearly agreed."),
    ("default", "Anything else: no, silence, an unclear answer."),
];

/// Dispositions that the engine adds to those of a flow.
pub const EVERY_FLOW_ENDS: &[Entry] = &[
    ("opted_out", "The person asked not to be called again."),
    ("wrong_number", "The number belongs to somebody else."),
    ("no_input", "The person stayed silent too long."),
    ("hung_up", "The person hung up before the flow ended."),
];

/// Fields of a lead that a cadence may change; any other name is a field of `lead.custom`.
pub const LEAD_FIELDS: &[Entry] =
    &[("status", "Where the lead stands, such as `\"'trial'\"`."), ("score", "The lead's points, 0 to 100.")];

/// Examples of lengths of time.
pub const LENGTHS: &[Entry] = &[
    ("30s", "Thirty seconds."),
    ("15 minutes", "A quarter of an hour."),
    ("4 hours", "Four hours, whatever the clock says."),
    ("1 day", "24 hours."),
    ("1 business day", "The next working day in the lead's zone."),
    ("1 week", "Seven days."),
];

/// Days and groups of days.
pub const DAYS: &[Entry] = &[
    ("mon-fri", "Working days."),
    ("mon-sat", "Every day but Sunday."),
    ("daily", "Every day."),
    ("mon", "Monday."),
    ("tue", "Tuesday."),
    ("wed", "Wednesday."),
    ("thu", "Thursday."),
    ("fri", "Friday."),
    ("sat", "Saturday."),
    ("sun", "Sunday."),
];

/// What a word of a table stands for.
pub fn find(table: &[Entry], word: &str) -> Option<&'static str> {
    table.iter().find(|(name, _)| *name == word).map(|(_, docs)| *docs)
}
