-- Triggers: what happened, whom it concerns, how far its calls have been spread; and the packages of calls as they were sent.

CREATE TABLE triggers (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL,
    -- What happened: the same twice is one trigger.
    event_key TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    campaign_id TEXT COLLATE "C" NOT NULL REFERENCES campaigns (id),
    product_id TEXT COLLATE "C" REFERENCES products (id),
    offer_id TEXT COLLATE "C" REFERENCES offers (id),
    cadence TEXT COLLATE "C" NOT NULL,
    -- Only this lead; NULL: everybody whom it concerns.
    lead_id TEXT COLLATE "C" REFERENCES leads (id) ON DELETE CASCADE,
    -- JSON: prices, discount, validity, who is left out.
    terms TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    -- People it may concern, counted when it was raised.
    candidates BIGINT NOT NULL,
    -- Last lead looked at; empty before the first.
    cursor TEXT COLLATE "C" NOT NULL,
    eligible BIGINT NOT NULL,
    -- JSON: counts by reason.
    skipped TEXT COLLATE "C" NOT NULL,
    raised_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    finished_at BIGINT,
    CONSTRAINT triggers_event_unique UNIQUE (event_key)
);
CREATE INDEX triggers_raised ON triggers (raised_at, id);
CREATE INDEX triggers_campaign ON triggers (campaign_id, raised_at);
CREATE INDEX triggers_open ON triggers (id) WHERE finished_at IS NULL;

-- What a trigger came to for each person it may concern.
CREATE TABLE trigger_leads (
    trigger_id TEXT COLLATE "C" NOT NULL REFERENCES triggers (id) ON DELETE CASCADE,
    lead_id TEXT COLLATE "C" NOT NULL REFERENCES leads (id) ON DELETE CASCADE,
    -- `enrolled`, or why not.
    result TEXT COLLATE "C" NOT NULL,
    enrollment_id TEXT COLLATE "C",
    PRIMARY KEY (trigger_id, lead_id)
);

-- Which changes of the catalogue raise a trigger by themselves.
CREATE TABLE trigger_rules (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL,
    campaign_id TEXT COLLATE "C" NOT NULL REFERENCES campaigns (id) ON DELETE CASCADE,
    -- Empty: every product of the campaign.
    product_id TEXT COLLATE "C" NOT NULL,
    -- Smaller drops raise nothing, in basis points of the old price.
    min_drop_bp BIGINT NOT NULL,
    discount_bp BIGINT,
    is_active BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT trigger_rules_unique UNIQUE (kind, campaign_id, product_id)
);

-- What was handed to the voice platform, byte by byte; one row per call.
CREATE TABLE packages (
    call_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    lead_id TEXT COLLATE "C" NOT NULL REFERENCES leads (id) ON DELETE CASCADE,
    enrollment_id TEXT COLLATE "C" NOT NULL,
    hash TEXT COLLATE "C" NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    frozen_at BIGINT NOT NULL
);
CREATE INDEX packages_lead ON packages (lead_id);

-- From which lifetime value on a customer belongs to a class; worked out anew when it has become old.
CREATE TABLE customer_values (
    currency TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    customers BIGINT NOT NULL,
    mid_minor BIGINT NOT NULL,
    high_minor BIGINT NOT NULL,
    vip_minor BIGINT NOT NULL,
    computed_at BIGINT NOT NULL
);
