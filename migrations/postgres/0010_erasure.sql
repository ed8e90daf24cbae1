-- Erasing a person: what stays of their numbers is a keyed hash; and calls that nobody took over.

-- Made once, on first use.
CREATE TABLE erasure_key (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    -- 32 bytes in hexadecimal digits.
    digits TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL
);

-- Entries that stood against calls to a number, without the number: the opt-out of the erasure itself, and those of others.
CREATE TABLE erased_numbers (
    -- HMAC-SHA-256 of the E.164 number, in hexadecimal digits.
    hash TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    -- Empty: everywhere.
    campaign_id TEXT COLLATE "C" NOT NULL,
    expires_at BIGINT,
    erased_at BIGINT NOT NULL,
    PRIMARY KEY (hash, source, campaign_id)
);

CREATE TABLE erasures (
    lead_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES leads (id) ON DELETE CASCADE,
    erased_at BIGINT NOT NULL,
    erased_by TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    -- What the law wants kept goes then; NULL: nothing is kept.
    kept_until BIGINT,
    -- When what came in since is removed; NULL: nothing can come any more.
    next_at BIGINT
);
CREATE INDEX erasures_next ON erasures (next_at) WHERE next_at IS NOT NULL;

-- Per campaign and day (UTC): calls that people answered, and those of them whose transfer was not bridged in time.
CREATE TABLE campaign_answers (
    campaign_id TEXT COLLATE "C" NOT NULL REFERENCES campaigns (id) ON DELETE CASCADE,
    day TEXT COLLATE "C" NOT NULL,
    answered BIGINT NOT NULL,
    abandoned BIGINT NOT NULL,
    PRIMARY KEY (campaign_id, day)
);
