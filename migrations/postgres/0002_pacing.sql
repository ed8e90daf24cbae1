-- Limits of caller numbers and providers, which several campaigns share.

ALTER TABLE campaigns ADD COLUMN caller_pacing TEXT COLLATE "C" NOT NULL DEFAULT '{}';

-- The number that was shown.
ALTER TABLE attempts ADD COLUMN caller TEXT COLLATE "C";

-- One row per campaign, caller number or provider that has limits. Whoever claims calls within them holds it meanwhile.
CREATE TABLE pacing_counters (
    scope TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    day TEXT COLLATE "C" NOT NULL,
    -- Of that day.
    intents BIGINT NOT NULL,
    last_intent BIGINT
);
