-- The consent ledger in full, what each call rested on, and caps for whole accounts and campaigns.

-- None of these is ever changed; a revocation is said once.
ALTER TABLE consents ADD COLUMN number TEXT;
ALTER TABLE consents ADD COLUMN channel TEXT;
ALTER TABLE consents ADD COLUMN seller TEXT;
ALTER TABLE consents ADD COLUMN language TEXT;
ALTER TABLE consents ADD COLUMN evidence_url TEXT;
ALTER TABLE consents ADD COLUMN evidence_sha256 TEXT;
ALTER TABLE consents ADD COLUMN recorded_at INTEGER;
ALTER TABLE consents ADD COLUMN recorded_by TEXT;
CREATE INDEX consents_granted ON consents (granted_at, id);

-- What people took back, whether or not anything was on file. It outlives the lead: a stop has to be kept for years.
CREATE TABLE revocations (
    id TEXT NOT NULL PRIMARY KEY,
    lead_id TEXT NOT NULL,
    -- Empty: the person, whatever the number.
    number TEXT,
    -- Empty: every call and message.
    purpose TEXT,
    channel TEXT NOT NULL,
    words TEXT,
    language TEXT,
    received_at INTEGER NOT NULL,
    -- Last day on which the law lets the request be honored, and when it was.
    due_on TEXT NOT NULL,
    honored_at INTEGER NOT NULL,
    source TEXT NOT NULL,
    recorded_by TEXT,
    attempt_id TEXT
) STRICT;
CREATE INDEX revocations_lead ON revocations (lead_id, received_at);
CREATE INDEX revocations_received ON revocations (received_at, id);

-- JSON, written with the intent: seller, voice and the consent relied upon, as they were then.
ALTER TABLE attempts ADD COLUMN terms TEXT;

-- The household or company that several leads belong to.
ALTER TABLE leads ADD COLUMN account_id TEXT;
CREATE INDEX leads_account ON leads (account_id) WHERE account_id IS NOT NULL;

-- JSON array: caps that hold whatever cadence calls.
ALTER TABLE campaigns ADD COLUMN caps TEXT NOT NULL DEFAULT '[]';
