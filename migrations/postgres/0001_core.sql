-- Core tables. Instants are UTC microseconds, ids UUIDv7 text, flags 0/1, structured values JSON text.

CREATE TABLE users (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    email TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    role TEXT COLLATE "C" NOT NULL,
    password_hash TEXT COLLATE "C",
    is_active BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT users_email_unique UNIQUE (email)
);

CREATE TABLE api_keys (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    prefix TEXT COLLATE "C" NOT NULL,
    digest TEXT COLLATE "C" NOT NULL,
    role TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT,
    revoked_at BIGINT,
    CONSTRAINT api_keys_prefix_unique UNIQUE (prefix)
);

CREATE TABLE leads (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    external_id TEXT COLLATE "C",
    email TEXT COLLATE "C",
    first_name TEXT COLLATE "C",
    last_name TEXT COLLATE "C",
    company TEXT COLLATE "C",
    segment TEXT COLLATE "C",
    status TEXT COLLATE "C" NOT NULL,
    language TEXT COLLATE "C" NOT NULL,
    zone TEXT COLLATE "C",
    country TEXT COLLATE "C",
    region TEXT COLLATE "C",
    preferred_text TEXT COLLATE "C",
    preferred TEXT COLLATE "C",
    do_not_call BIGINT NOT NULL,
    do_not_email BIGINT NOT NULL,
    score BIGINT NOT NULL,
    tags TEXT COLLATE "C" NOT NULL,
    custom TEXT COLLATE "C" NOT NULL,
    synthetic BIGINT NOT NULL,
    -- The number calls go to, with everything the gates need, resolved once on write.
    phone TEXT COLLATE "C",
    phone_invalid TEXT COLLATE "C",
    phone_zones TEXT COLLATE "C" NOT NULL,
    phone_jurisdictions TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    last_contacted_at BIGINT,
    CONSTRAINT leads_external_id_unique UNIQUE (external_id),
    CONSTRAINT leads_email_unique UNIQUE (email)
);
CREATE INDEX leads_phone ON leads (phone) WHERE phone IS NOT NULL;
CREATE INDEX leads_updated ON leads (updated_at, id);

CREATE TABLE phones (
    lead_id TEXT COLLATE "C" NOT NULL REFERENCES leads (id) ON DELETE CASCADE,
    position BIGINT NOT NULL,
    given TEXT COLLATE "C" NOT NULL,
    number TEXT COLLATE "C",
    invalid TEXT COLLATE "C",
    is_primary BIGINT NOT NULL,
    PRIMARY KEY (lead_id, position)
);
CREATE INDEX phones_number ON phones (number) WHERE number IS NOT NULL;

CREATE TABLE consents (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    lead_id TEXT COLLATE "C" NOT NULL REFERENCES leads (id) ON DELETE CASCADE,
    purpose TEXT COLLATE "C" NOT NULL,
    form TEXT COLLATE "C" NOT NULL,
    granted_at BIGINT NOT NULL,
    revoked_at BIGINT,
    wording TEXT COLLATE "C",
    evidence TEXT COLLATE "C",
    source TEXT COLLATE "C" NOT NULL
);
CREATE INDEX consents_lead ON consents (lead_id);

CREATE TABLE suppressions (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    number TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    -- Empty: everywhere. Otherwise only this campaign.
    campaign_id TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    CONSTRAINT suppressions_unique UNIQUE (number, source, campaign_id)
);

CREATE TABLE campaigns (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    key TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    zone TEXT COLLATE "C" NOT NULL,
    starts_on TEXT COLLATE "C",
    ends_on TEXT COLLATE "C",
    schedule TEXT COLLATE "C",
    pacing TEXT COLLATE "C" NOT NULL,
    voice TEXT COLLATE "C" NOT NULL,
    consent_basis TEXT COLLATE "C",
    priority BIGINT NOT NULL,
    caller_ids TEXT COLLATE "C" NOT NULL,
    agent_name TEXT COLLATE "C" NOT NULL,
    company TEXT COLLATE "C" NOT NULL,
    agent_number TEXT COLLATE "C",
    continue_unrecorded BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CONSTRAINT campaigns_key_unique UNIQUE (key)
);

-- Intents per campaign and day of its own zone: the daily limit costs one row, however many calls there were.
CREATE TABLE campaign_days (
    campaign_id TEXT COLLATE "C" NOT NULL REFERENCES campaigns (id) ON DELETE CASCADE,
    day TEXT COLLATE "C" NOT NULL,
    intents BIGINT NOT NULL,
    PRIMARY KEY (campaign_id, day)
);

-- Every published version of a cadence with its flows and scripts, by content hash.
CREATE TABLE definitions (
    hash TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    cadence TEXT COLLATE "C" NOT NULL,
    sources TEXT COLLATE "C" NOT NULL,
    published_at BIGINT NOT NULL
);
CREATE INDEX definitions_cadence ON definitions (cadence, published_at);

CREATE TABLE enrollments (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    lead_id TEXT COLLATE "C" NOT NULL REFERENCES leads (id),
    campaign_id TEXT COLLATE "C" NOT NULL REFERENCES campaigns (id),
    cadence TEXT COLLATE "C" NOT NULL,
    -- Separates enrollments of one lead in one cadence: per offer, product, cart. Empty: one at a time.
    entry_key TEXT COLLATE "C" NOT NULL,
    version TEXT COLLATE "C" NOT NULL REFERENCES definitions (hash),
    state TEXT COLLATE "C" NOT NULL,
    hold TEXT COLLATE "C",
    step TEXT COLLATE "C" NOT NULL,
    visit BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    due_since BIGINT NOT NULL,
    promised BIGINT NOT NULL,
    due_at BIGINT,
    wait_event TEXT COLLATE "C",
    priority BIGINT NOT NULL,
    variables TEXT COLLATE "C" NOT NULL,
    placed BIGINT NOT NULL,
    verdict TEXT COLLATE "C",
    reason TEXT COLLATE "C",
    decided_at BIGINT,
    checked_at BIGINT,
    result TEXT COLLATE "C",
    started_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX enrollments_due ON enrollments (due_at) WHERE state = 'waiting';
CREATE UNIQUE INDEX enrollments_live ON enrollments (lead_id, cadence, entry_key) WHERE state <> 'ended';
CREATE INDEX enrollments_lead ON enrollments (lead_id, cadence, started_at);
CREATE INDEX enrollments_campaign ON enrollments (campaign_id);

CREATE TABLE attempts (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    -- Empty for a call that an outside dialer reported: it counts in caps and belongs to no cadence.
    enrollment_id TEXT COLLATE "C" REFERENCES enrollments (id),
    lead_id TEXT COLLATE "C" NOT NULL REFERENCES leads (id),
    campaign_id TEXT COLLATE "C" NOT NULL REFERENCES campaigns (id),
    number TEXT COLLATE "C" NOT NULL,
    flow TEXT COLLATE "C" NOT NULL,
    version TEXT COLLATE "C" NOT NULL,
    step TEXT COLLATE "C" NOT NULL,
    visit BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    priority BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    valid_until BIGINT,
    -- Raised by every claim and every takeover: a stale owner's writes find another fence and change nothing (I8).
    fence BIGINT NOT NULL,
    owner TEXT COLLATE "C",
    intent_at BIGINT,
    send_by BIGINT,
    provider TEXT COLLATE "C",
    provider_call_id TEXT COLLATE "C",
    outcome TEXT COLLATE "C",
    disposition TEXT COLLATE "C",
    detail TEXT COLLATE "C",
    checked_at BIGINT,
    created_at BIGINT NOT NULL,
    finished_at BIGINT,
    CONSTRAINT attempts_once UNIQUE (enrollment_id, visit, step, attempt)
);
CREATE INDEX attempts_planned ON attempts (campaign_id, priority, due_at) WHERE state = 'planned';
-- I1b: at most one live or unknown attempt per number, whichever leads, cadences or campaigns share it.
CREATE UNIQUE INDEX attempts_number_live ON attempts (number) WHERE state IN ('dialing', 'placed', 'unknown');
CREATE INDEX attempts_live ON attempts (campaign_id, state) WHERE state IN ('dialing', 'placed', 'unknown');
CREATE INDEX attempts_number_intent ON attempts (number, intent_at) WHERE intent_at IS NOT NULL;
CREATE INDEX attempts_lead ON attempts (lead_id, intent_at);
CREATE INDEX attempts_campaign_intent ON attempts (campaign_id, intent_at) WHERE intent_at IS NOT NULL;

CREATE TABLE calls (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    attempt_id TEXT COLLATE "C",
    lead_id TEXT COLLATE "C",
    campaign_id TEXT COLLATE "C",
    direction TEXT COLLATE "C" NOT NULL,
    provider TEXT COLLATE "C" NOT NULL,
    provider_call_id TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    placed_at BIGINT NOT NULL,
    answered_at BIGINT,
    ended_at BIGINT,
    talk_s BIGINT NOT NULL,
    answered_by TEXT COLLATE "C",
    flow TEXT COLLATE "C",
    version TEXT COLLATE "C",
    outcome TEXT COLLATE "C",
    disposition TEXT COLLATE "C",
    recorded BIGINT NOT NULL,
    -- The conversation between turns while the call goes on; the transcript and effects afterwards.
    session TEXT COLLATE "C",
    conversation TEXT COLLATE "C",
    CONSTRAINT calls_provider_unique UNIQUE (provider, provider_call_id)
);
CREATE UNIQUE INDEX calls_attempt ON calls (attempt_id) WHERE attempt_id IS NOT NULL;
CREATE INDEX calls_lead ON calls (lead_id, placed_at);

-- What providers told us, once each. A call's state is a function of the set of its facts (I5).
CREATE TABLE callbacks (
    attempt_id TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    fact TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (attempt_id, key)
);

CREATE TABLE events (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL,
    lead_id TEXT COLLATE "C",
    enrollment_id TEXT COLLATE "C",
    attempt_id TEXT COLLATE "C",
    campaign_id TEXT COLLATE "C",
    at BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    version TEXT COLLATE "C",
    data TEXT COLLATE "C" NOT NULL,
    dedupe TEXT COLLATE "C"
);
CREATE INDEX events_lead ON events (lead_id, at);
CREATE UNIQUE INDEX events_dedupe ON events (dedupe) WHERE dedupe IS NOT NULL;

CREATE TABLE decisions (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    lead_id TEXT COLLATE "C" NOT NULL,
    enrollment_id TEXT COLLATE "C",
    attempt_id TEXT COLLATE "C",
    step TEXT COLLATE "C",
    at BIGINT NOT NULL,
    verdict TEXT COLLATE "C" NOT NULL,
    gate TEXT COLLATE "C",
    reason TEXT COLLATE "C" NOT NULL,
    until BIGINT,
    reports TEXT COLLATE "C" NOT NULL,
    tzdb TEXT COLLATE "C" NOT NULL
);
CREATE INDEX decisions_lead ON decisions (lead_id, at);

-- What the machine asks people and other systems to do.
CREATE TABLE tasks (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    lead_id TEXT COLLATE "C" NOT NULL REFERENCES leads (id) ON DELETE CASCADE,
    enrollment_id TEXT COLLATE "C",
    title TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    due_at BIGINT,
    created_at BIGINT NOT NULL
);
CREATE INDEX tasks_lead ON tasks (lead_id, created_at);

CREATE TABLE idempotency_keys (
    principal TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    request_hash TEXT COLLATE "C" NOT NULL,
    status BIGINT,
    response TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    PRIMARY KEY (principal, key)
);

CREATE TABLE imports (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    source_hash TEXT COLLATE "C" NOT NULL,
    rows_read BIGINT NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    rejected BIGINT NOT NULL,
    errors TEXT COLLATE "C" NOT NULL,
    started_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX imports_source ON imports (source_hash);

-- One row when a virtual clock is shared by serve, worker and carrier; none in real time.
CREATE TABLE virtual_clock (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    virtual_at BIGINT NOT NULL,
    real_at BIGINT NOT NULL,
    rate DOUBLE PRECISION NOT NULL
);

CREATE TABLE jobs (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL,
    payload TEXT COLLATE "C" NOT NULL,
    dedup_key TEXT COLLATE "C",
    state TEXT COLLATE "C" NOT NULL,
    priority BIGINT NOT NULL,
    run_at BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    owner TEXT COLLATE "C",
    lease_until BIGINT,
    attempts BIGINT NOT NULL,
    max_attempts BIGINT NOT NULL,
    deaths BIGINT NOT NULL,
    last_error TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    finished_at BIGINT
);
CREATE INDEX jobs_due ON jobs (kind, priority, run_at) WHERE state = 'pending';
-- `lease_until IS NOT NULL`, not `state = 'running'`: after ANALYZE on an idle queue SQLite would scan the latter for every finish.
CREATE INDEX jobs_lease ON jobs (lease_until) WHERE lease_until IS NOT NULL;
CREATE UNIQUE INDEX jobs_dedup ON jobs (kind, dedup_key) WHERE state = 'pending' AND dedup_key IS NOT NULL;
CREATE INDEX jobs_failed ON jobs (id) WHERE state IN ('dead', 'quarantined');

CREATE TABLE schedules (
    name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    expression TEXT COLLATE "C" NOT NULL,
    zone TEXT COLLATE "C" NOT NULL,
    next_run_at BIGINT NOT NULL,
    last_run_at BIGINT
);

-- The simulated carrier's own books, written by the carrier only: what it was asked and what it did.
CREATE TABLE carrier_ledger (
    call_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    attempt_id TEXT COLLATE "C" NOT NULL,
    enrollment_id TEXT COLLATE "C",
    number TEXT COLLATE "C" NOT NULL,
    step TEXT COLLATE "C" NOT NULL,
    visit BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    asked_at BIGINT NOT NULL,
    accepted BIGINT NOT NULL,
    -- The rest is NULL while the call goes on.
    status TEXT COLLATE "C",
    ended_at BIGINT,
    talk_s BIGINT,
    converted BIGINT
);
