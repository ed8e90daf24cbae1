-- Registries of numbers that are not called, in millions; and stops for emergencies.

-- One list of a registry: all of it, or one area code, which is how registries are handed out.
CREATE TABLE registry_lists (
    id INTEGER NOT NULL PRIMARY KEY,
    registry TEXT NOT NULL,
    -- Area code whose numbers it has; empty: every number.
    part TEXT NOT NULL,
    source TEXT NOT NULL,
    -- Two letters: calls there need the list. Empty: nobody needs it; whoever is on it is not called.
    country TEXT NOT NULL,
    -- Nobody may rely on data older than this; none: it does not age.
    max_age_days INTEGER,
    -- Rows of this full list and of later ones are in force.
    in_force INTEGER NOT NULL,
    -- The newest full list that was begun.
    generation INTEGER NOT NULL,
    -- The import that is loading it; none: it is complete.
    loading TEXT,
    -- What day the data is of; none: nothing has been loaded yet.
    data_at INTEGER,
    numbers INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT registry_lists_unique UNIQUE (registry, part)
) STRICT;

-- By number alone: a look-up costs the same however many lists and numbers there are.
CREATE TABLE registry_numbers (
    -- E.164 without its plus.
    number INTEGER NOT NULL,
    list INTEGER NOT NULL,
    -- The newest full list, or the change after it, that has the number.
    generation INTEGER NOT NULL,
    PRIMARY KEY (number, list)
) STRICT, WITHOUT ROWID;

CREATE TABLE emergency_stops (
    id TEXT NOT NULL PRIMARY KEY,
    scope TEXT NOT NULL,
    -- Jurisdiction, campaign or caller number; empty for everywhere.
    target TEXT NOT NULL,
    reason TEXT NOT NULL,
    stopped_by TEXT NOT NULL,
    stopped_at INTEGER NOT NULL,
    lifted_by TEXT,
    lifted_reason TEXT,
    lifted_at INTEGER
) STRICT;
CREATE UNIQUE INDEX emergency_stops_in_force ON emergency_stops (scope, target) WHERE lifted_at IS NULL;
CREATE INDEX emergency_stops_stopped ON emergency_stops (stopped_at, id);

-- Who added it; empty: not known.
ALTER TABLE suppressions ADD COLUMN added_by TEXT NOT NULL DEFAULT '';
-- Suppressions are listed and exported in this order.
CREATE INDEX suppressions_created ON suppressions (created_at, id);
