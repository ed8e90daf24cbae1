-- Erasing a person: what stays of their numbers is a keyed hash; and calls that nobody took over.

-- Made once, on first use.
CREATE TABLE erasure_key (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    -- 32 bytes in hexadecimal digits.
    digits TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- Entries that stood against calls to a number, without the number: the opt-out of the erasure itself, and those of others.
CREATE TABLE erased_numbers (
    -- HMAC-SHA-256 of the E.164 number, in hexadecimal digits.
    hash TEXT NOT NULL,
    source TEXT NOT NULL,
    -- Empty: everywhere.
    campaign_id TEXT NOT NULL,
    expires_at INTEGER,
    erased_at INTEGER NOT NULL,
    PRIMARY KEY (hash, source, campaign_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE erasures (
    lead_id TEXT NOT NULL PRIMARY KEY REFERENCES leads (id) ON DELETE CASCADE,
    erased_at INTEGER NOT NULL,
    erased_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    -- What the law wants kept goes then; NULL: nothing is kept.
    kept_until INTEGER,
    -- When what came in since is removed; NULL: nothing can come any more.
    next_at INTEGER
) STRICT;
CREATE INDEX erasures_next ON erasures (next_at) WHERE next_at IS NOT NULL;

-- Per campaign and day (UTC): calls that people answered, and those of them whose transfer was not bridged in time.
CREATE TABLE campaign_answers (
    campaign_id TEXT NOT NULL REFERENCES campaigns (id) ON DELETE CASCADE,
    day TEXT NOT NULL,
    answered INTEGER NOT NULL,
    abandoned INTEGER NOT NULL,
    PRIMARY KEY (campaign_id, day)
) STRICT;
