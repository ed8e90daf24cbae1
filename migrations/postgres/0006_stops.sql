-- Registries of numbers that are not called, in millions; and stops for emergencies.

-- One list of a registry: all of it, or one area code, which is how registries are handed out.
CREATE TABLE registry_lists (
    id BIGINT NOT NULL PRIMARY KEY,
    registry TEXT COLLATE "C" NOT NULL,
    -- Area code whose numbers it has; empty: every number.
    part TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    -- Two letters: calls there need the list. Empty: nobody needs it; whoever is on it is not called.
    country TEXT COLLATE "C" NOT NULL,
    -- Nobody may rely on data older than this; none: it does not age.
    max_age_days BIGINT,
    -- Rows of this full list and of later ones are in force.
    in_force BIGINT NOT NULL,
    -- The newest full list that was begun.
    generation BIGINT NOT NULL,
    -- The import that is loading it; none: it is complete.
    loading TEXT COLLATE "C",
    -- What day the data is of; none: nothing has been loaded yet.
    data_at BIGINT,
    numbers BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT registry_lists_unique UNIQUE (registry, part)
);

-- By number alone: a look-up costs the same however many lists and numbers there are.
CREATE TABLE registry_numbers (
    -- E.164 without its plus.
    number BIGINT NOT NULL,
    list BIGINT NOT NULL,
    -- The newest full list, or the change after it, that has the number.
    generation BIGINT NOT NULL,
    PRIMARY KEY (number, list)
);

CREATE TABLE emergency_stops (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    scope TEXT COLLATE "C" NOT NULL,
    -- Jurisdiction, campaign or caller number; empty for everywhere.
    target TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    stopped_by TEXT COLLATE "C" NOT NULL,
    stopped_at BIGINT NOT NULL,
    lifted_by TEXT COLLATE "C",
    lifted_reason TEXT COLLATE "C",
    lifted_at BIGINT
);
CREATE UNIQUE INDEX emergency_stops_in_force ON emergency_stops (scope, target) WHERE lifted_at IS NULL;
CREATE INDEX emergency_stops_stopped ON emergency_stops (stopped_at, id);

-- Who added it; empty: not known.
ALTER TABLE suppressions ADD COLUMN added_by TEXT COLLATE "C" NOT NULL DEFAULT '';
-- Suppressions are listed and exported in this order.
CREATE INDEX suppressions_created ON suppressions (created_at, id);
