-- Limits of caller numbers and providers, which several campaigns share.

ALTER TABLE campaigns ADD COLUMN caller_pacing TEXT NOT NULL DEFAULT '{}';

-- The number that was shown.
ALTER TABLE attempts ADD COLUMN caller TEXT;

-- One row per campaign, caller number or provider that has limits. Whoever claims calls within them holds it meanwhile.
CREATE TABLE pacing_counters (
    scope TEXT NOT NULL PRIMARY KEY,
    day TEXT NOT NULL,
    -- Of that day.
    intents INTEGER NOT NULL,
    last_intent INTEGER
) STRICT;
