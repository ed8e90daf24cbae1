-- Core tables. Instants are UTC microseconds, ids UUIDv7 text, flags 0/1, structured values JSON text.

CREATE TABLE users (
    id TEXT NOT NULL PRIMARY KEY,
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    password_hash TEXT,
    is_active INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT users_email_unique UNIQUE (email)
) STRICT;

CREATE TABLE api_keys (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    prefix TEXT NOT NULL,
    digest TEXT NOT NULL,
    role TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER,
    revoked_at INTEGER,
    CONSTRAINT api_keys_prefix_unique UNIQUE (prefix)
) STRICT;

CREATE TABLE leads (
    id TEXT NOT NULL PRIMARY KEY,
    external_id TEXT,
    email TEXT,
    first_name TEXT,
    last_name TEXT,
    company TEXT,
    segment TEXT,
    status TEXT NOT NULL,
    language TEXT NOT NULL,
    zone TEXT,
    country TEXT,
    region TEXT,
    preferred_text TEXT,
    preferred TEXT,
    do_not_call INTEGER NOT NULL,
    do_not_email INTEGER NOT NULL,
    score INTEGER NOT NULL,
    tags TEXT NOT NULL,
    custom TEXT NOT NULL,
    synthetic INTEGER NOT NULL,
    -- The number calls go to, with everything the gates need, resolved once on write.
    phone TEXT,
    phone_invalid TEXT,
    phone_zones TEXT NOT NULL,
    phone_jurisdictions TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    last_contacted_at INTEGER,
    CONSTRAINT leads_external_id_unique UNIQUE (external_id),
    CONSTRAINT leads_email_unique UNIQUE (email)
) STRICT;
CREATE INDEX leads_phone ON leads (phone) WHERE phone IS NOT NULL;
CREATE INDEX leads_updated ON leads (updated_at, id);

CREATE TABLE phones (
    lead_id TEXT NOT NULL REFERENCES leads (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    given TEXT NOT NULL,
    number TEXT,
    invalid TEXT,
    is_primary INTEGER NOT NULL,
    PRIMARY KEY (lead_id, position)
) STRICT;
CREATE INDEX phones_number ON phones (number) WHERE number IS NOT NULL;

CREATE TABLE consents (
    id TEXT NOT NULL PRIMARY KEY,
    lead_id TEXT NOT NULL REFERENCES leads (id) ON DELETE CASCADE,
    purpose TEXT NOT NULL,
    form TEXT NOT NULL,
    granted_at INTEGER NOT NULL,
    revoked_at INTEGER,
    wording TEXT,
    evidence TEXT,
    source TEXT NOT NULL
) STRICT;
CREATE INDEX consents_lead ON consents (lead_id);

CREATE TABLE suppressions (
    id TEXT NOT NULL PRIMARY KEY,
    number TEXT NOT NULL,
    source TEXT NOT NULL,
    -- Empty: everywhere. Otherwise only this campaign.
    campaign_id TEXT NOT NULL,
    reason TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    CONSTRAINT suppressions_unique UNIQUE (number, source, campaign_id)
) STRICT;

CREATE TABLE campaigns (
    id TEXT NOT NULL PRIMARY KEY,
    key TEXT NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    zone TEXT NOT NULL,
    starts_on TEXT,
    ends_on TEXT,
    schedule TEXT,
    pacing TEXT NOT NULL,
    voice TEXT NOT NULL,
    consent_basis TEXT,
    priority INTEGER NOT NULL,
    caller_ids TEXT NOT NULL,
    agent_name TEXT NOT NULL,
    company TEXT NOT NULL,
    agent_number TEXT,
    continue_unrecorded INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    CONSTRAINT campaigns_key_unique UNIQUE (key)
) STRICT;

-- Intents per campaign and day of its own zone: the daily limit costs one row, however many calls there were.
CREATE TABLE campaign_days (
    campaign_id TEXT NOT NULL REFERENCES campaigns (id) ON DELETE CASCADE,
    day TEXT NOT NULL,
    intents INTEGER NOT NULL,
    PRIMARY KEY (campaign_id, day)
) STRICT;

-- Every published version of a cadence with its flows and scripts, by content hash.
CREATE TABLE definitions (
    hash TEXT NOT NULL PRIMARY KEY,
    cadence TEXT NOT NULL,
    sources TEXT NOT NULL,
    published_at INTEGER NOT NULL
) STRICT;
CREATE INDEX definitions_cadence ON definitions (cadence, published_at);

CREATE TABLE enrollments (
    id TEXT NOT NULL PRIMARY KEY,
    lead_id TEXT NOT NULL REFERENCES leads (id),
    campaign_id TEXT NOT NULL REFERENCES campaigns (id),
    cadence TEXT NOT NULL,
    -- Separates enrollments of one lead in one cadence: per offer, product, cart. Empty: one at a time.
    entry_key TEXT NOT NULL,
    version TEXT NOT NULL REFERENCES definitions (hash),
    state TEXT NOT NULL,
    hold TEXT,
    step TEXT NOT NULL,
    visit INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    due_since INTEGER NOT NULL,
    promised INTEGER NOT NULL,
    due_at INTEGER,
    wait_event TEXT,
    priority INTEGER NOT NULL,
    variables TEXT NOT NULL,
    placed INTEGER NOT NULL,
    verdict TEXT,
    reason TEXT,
    decided_at INTEGER,
    checked_at INTEGER,
    result TEXT,
    started_at INTEGER NOT NULL,
    ended_at INTEGER
) STRICT;
CREATE INDEX enrollments_due ON enrollments (due_at) WHERE state = 'waiting';
CREATE UNIQUE INDEX enrollments_live ON enrollments (lead_id, cadence, entry_key) WHERE state <> 'ended';
CREATE INDEX enrollments_lead ON enrollments (lead_id, cadence, started_at);
CREATE INDEX enrollments_campaign ON enrollments (campaign_id);

CREATE TABLE attempts (
    id TEXT NOT NULL PRIMARY KEY,
    -- Empty for a call that an outside dialer reported: it counts in caps and belongs to no cadence.
    enrollment_id TEXT REFERENCES enrollments (id),
    lead_id TEXT NOT NULL REFERENCES leads (id),
    campaign_id TEXT NOT NULL REFERENCES campaigns (id),
    number TEXT NOT NULL,
    flow TEXT NOT NULL,
    version TEXT NOT NULL,
    step TEXT NOT NULL,
    visit INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    state TEXT NOT NULL,
    priority INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    valid_until INTEGER,
    -- Raised by every claim and every takeover: a stale owner's writes find another fence and change nothing (I8).
    fence INTEGER NOT NULL,
    owner TEXT,
    intent_at INTEGER,
    send_by INTEGER,
    provider TEXT,
    provider_call_id TEXT,
    outcome TEXT,
    disposition TEXT,
    detail TEXT,
    checked_at INTEGER,
    created_at INTEGER NOT NULL,
    finished_at INTEGER,
    CONSTRAINT attempts_once UNIQUE (enrollment_id, visit, step, attempt)
) STRICT;
CREATE INDEX attempts_planned ON attempts (campaign_id, priority, due_at) WHERE state = 'planned';
-- I1b: at most one live or unknown attempt per number, whichever leads, cadences or campaigns share it.
CREATE UNIQUE INDEX attempts_number_live ON attempts (number) WHERE state IN ('dialing', 'placed', 'unknown');
CREATE INDEX attempts_live ON attempts (campaign_id, state) WHERE state IN ('dialing', 'placed', 'unknown');
CREATE INDEX attempts_number_intent ON attempts (number, intent_at) WHERE intent_at IS NOT NULL;
CREATE INDEX attempts_lead ON attempts (lead_id, intent_at);
CREATE INDEX attempts_campaign_intent ON attempts (campaign_id, intent_at) WHERE intent_at IS NOT NULL;

CREATE TABLE calls (
    id TEXT NOT NULL PRIMARY KEY,
    attempt_id TEXT,
    lead_id TEXT,
    campaign_id TEXT,
    direction TEXT NOT NULL,
    provider TEXT NOT NULL,
    provider_call_id TEXT NOT NULL,
    status TEXT NOT NULL,
    placed_at INTEGER NOT NULL,
    answered_at INTEGER,
    ended_at INTEGER,
    talk_s INTEGER NOT NULL,
    answered_by TEXT,
    flow TEXT,
    version TEXT,
    outcome TEXT,
    disposition TEXT,
    recorded INTEGER NOT NULL,
    -- The conversation between turns while the call goes on; the transcript and effects afterwards.
    session TEXT,
    conversation TEXT,
    CONSTRAINT calls_provider_unique UNIQUE (provider, provider_call_id)
) STRICT;
CREATE UNIQUE INDEX calls_attempt ON calls (attempt_id) WHERE attempt_id IS NOT NULL;
CREATE INDEX calls_lead ON calls (lead_id, placed_at);

-- What providers told us, once each. A call's state is a function of the set of its facts (I5).
CREATE TABLE callbacks (
    attempt_id TEXT NOT NULL,
    key TEXT NOT NULL,
    at INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    fact TEXT NOT NULL,
    PRIMARY KEY (attempt_id, key)
) STRICT;

CREATE TABLE events (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    lead_id TEXT,
    enrollment_id TEXT,
    attempt_id TEXT,
    campaign_id TEXT,
    at INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    version TEXT,
    data TEXT NOT NULL,
    dedupe TEXT
) STRICT;
CREATE INDEX events_lead ON events (lead_id, at);
CREATE UNIQUE INDEX events_dedupe ON events (dedupe) WHERE dedupe IS NOT NULL;

CREATE TABLE decisions (
    id TEXT NOT NULL PRIMARY KEY,
    lead_id TEXT NOT NULL,
    enrollment_id TEXT,
    attempt_id TEXT,
    step TEXT,
    at INTEGER NOT NULL,
    verdict TEXT NOT NULL,
    gate TEXT,
    reason TEXT NOT NULL,
    until INTEGER,
    reports TEXT NOT NULL,
    tzdb TEXT NOT NULL
) STRICT;
CREATE INDEX decisions_lead ON decisions (lead_id, at);

-- What the machine asks people and other systems to do.
CREATE TABLE tasks (
    id TEXT NOT NULL PRIMARY KEY,
    lead_id TEXT NOT NULL REFERENCES leads (id) ON DELETE CASCADE,
    enrollment_id TEXT,
    title TEXT NOT NULL,
    status TEXT NOT NULL,
    due_at INTEGER,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX tasks_lead ON tasks (lead_id, created_at);

CREATE TABLE idempotency_keys (
    principal TEXT NOT NULL,
    key TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    status INTEGER,
    response TEXT,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (principal, key)
) STRICT;

CREATE TABLE imports (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    source_hash TEXT NOT NULL,
    rows_read INTEGER NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    rejected INTEGER NOT NULL,
    errors TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX imports_source ON imports (source_hash);

-- One row when a virtual clock is shared by serve, worker and carrier; none in real time.
CREATE TABLE virtual_clock (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    virtual_at INTEGER NOT NULL,
    real_at INTEGER NOT NULL,
    rate REAL NOT NULL
) STRICT;

CREATE TABLE jobs (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    dedup_key TEXT,
    state TEXT NOT NULL,
    priority INTEGER NOT NULL,
    run_at INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    owner TEXT,
    lease_until INTEGER,
    attempts INTEGER NOT NULL,
    max_attempts INTEGER NOT NULL,
    deaths INTEGER NOT NULL,
    last_error TEXT,
    created_at INTEGER NOT NULL,
    finished_at INTEGER
) STRICT;
CREATE INDEX jobs_due ON jobs (kind, priority, run_at) WHERE state = 'pending';
-- `lease_until IS NOT NULL`, not `state = 'running'`: after ANALYZE on an idle queue SQLite would scan the latter for every finish.
CREATE INDEX jobs_lease ON jobs (lease_until) WHERE lease_until IS NOT NULL;
CREATE UNIQUE INDEX jobs_dedup ON jobs (kind, dedup_key) WHERE state = 'pending' AND dedup_key IS NOT NULL;
CREATE INDEX jobs_failed ON jobs (id) WHERE state IN ('dead', 'quarantined');

CREATE TABLE schedules (
    name TEXT NOT NULL PRIMARY KEY,
    expression TEXT NOT NULL,
    zone TEXT NOT NULL,
    next_run_at INTEGER NOT NULL,
    last_run_at INTEGER
) STRICT;

-- The simulated carrier's own books, written by the carrier only: what it was asked and what it did.
CREATE TABLE carrier_ledger (
    call_id TEXT NOT NULL PRIMARY KEY,
    attempt_id TEXT NOT NULL,
    enrollment_id TEXT,
    number TEXT NOT NULL,
    step TEXT NOT NULL,
    visit INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    asked_at INTEGER NOT NULL,
    accepted INTEGER NOT NULL,
    -- The rest is NULL while the call goes on.
    status TEXT,
    ended_at INTEGER,
    talk_s INTEGER,
    converted INTEGER
) STRICT;
