-- Triggers: what happened, whom it concerns, how far its calls have been spread; and the packages of calls as they were sent.

CREATE TABLE triggers (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    -- What happened: the same twice is one trigger.
    event_key TEXT NOT NULL,
    source TEXT NOT NULL,
    campaign_id TEXT NOT NULL REFERENCES campaigns (id),
    product_id TEXT REFERENCES products (id),
    offer_id TEXT REFERENCES offers (id),
    cadence TEXT NOT NULL,
    -- Only this lead; NULL: everybody whom it concerns.
    lead_id TEXT REFERENCES leads (id) ON DELETE CASCADE,
    -- JSON: prices, discount, validity, who is left out.
    terms TEXT NOT NULL,
    state TEXT NOT NULL,
    -- People it may concern, counted when it was raised.
    candidates INTEGER NOT NULL,
    -- Last lead looked at; empty before the first.
    cursor TEXT NOT NULL,
    eligible INTEGER NOT NULL,
    -- JSON: counts by reason.
    skipped TEXT NOT NULL,
    raised_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    finished_at INTEGER,
    CONSTRAINT triggers_event_unique UNIQUE (event_key)
) STRICT;
CREATE INDEX triggers_raised ON triggers (raised_at, id);
CREATE INDEX triggers_campaign ON triggers (campaign_id, raised_at);
CREATE INDEX triggers_open ON triggers (id) WHERE finished_at IS NULL;

-- What a trigger came to for each person it may concern.
CREATE TABLE trigger_leads (
    trigger_id TEXT NOT NULL REFERENCES triggers (id) ON DELETE CASCADE,
    lead_id TEXT NOT NULL REFERENCES leads (id) ON DELETE CASCADE,
    -- `enrolled`, or why not.
    result TEXT NOT NULL,
    enrollment_id TEXT,
    PRIMARY KEY (trigger_id, lead_id)
) STRICT, WITHOUT ROWID;

-- Which changes of the catalogue raise a trigger by themselves.
CREATE TABLE trigger_rules (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    campaign_id TEXT NOT NULL REFERENCES campaigns (id) ON DELETE CASCADE,
    -- Empty: every product of the campaign.
    product_id TEXT NOT NULL,
    -- Smaller drops raise nothing, in basis points of the old price.
    min_drop_bp INTEGER NOT NULL,
    discount_bp INTEGER,
    is_active INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT trigger_rules_unique UNIQUE (kind, campaign_id, product_id)
) STRICT;

-- What was handed to the voice platform, byte by byte; one row per call.
CREATE TABLE packages (
    call_id TEXT NOT NULL PRIMARY KEY,
    lead_id TEXT NOT NULL REFERENCES leads (id) ON DELETE CASCADE,
    enrollment_id TEXT NOT NULL,
    hash TEXT NOT NULL,
    body TEXT NOT NULL,
    frozen_at INTEGER NOT NULL
) STRICT;
CREATE INDEX packages_lead ON packages (lead_id);

-- From which lifetime value on a customer belongs to a class; worked out anew when it has become old.
CREATE TABLE customer_values (
    currency TEXT NOT NULL PRIMARY KEY,
    customers INTEGER NOT NULL,
    mid_minor INTEGER NOT NULL,
    high_minor INTEGER NOT NULL,
    vip_minor INTEGER NOT NULL,
    computed_at INTEGER NOT NULL
) STRICT;
