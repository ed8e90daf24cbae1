-- Publishing versions of cadences, and moving who is under way to them.

-- What happened to a cadence's versions, and how far the people under way have been moved.
CREATE TABLE publications (
    id TEXT NOT NULL PRIMARY KEY,
    cadence TEXT NOT NULL,
    kind TEXT NOT NULL,
    -- What new enrollments get from then on; none: nobody may enroll.
    version TEXT REFERENCES definitions (hash),
    mode TEXT NOT NULL,
    -- JSON object: old step to new step, or to `end`.
    steps TEXT NOT NULL,
    -- How many people a minute may be due at once because their wait is over under the new version.
    rate INTEGER NOT NULL,
    -- JSON array: versions whose people are moved.
    from_versions TEXT NOT NULL,
    state TEXT NOT NULL,
    -- JSON: version and last enrollment looked at; empty before the first.
    cursor TEXT NOT NULL,
    moved INTEGER NOT NULL,
    ended INTEGER NOT NULL,
    pulled INTEGER NOT NULL,
    published_at INTEGER NOT NULL,
    finished_at INTEGER
) STRICT;
CREATE INDEX publications_cadence ON publications (cadence, published_at);
CREATE INDEX publications_moving ON publications (published_at) WHERE state = 'moving';

-- What new enrollments get now, and which content the files had when that was last decided by them.
CREATE TABLE cadence_heads (
    cadence TEXT NOT NULL PRIMARY KEY,
    version TEXT REFERENCES definitions (hash),
    files TEXT NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

ALTER TABLE definitions ADD COLUMN withdrawn_at INTEGER;

-- Of all states: an index that names the state would be written anew with every change of it.
CREATE INDEX enrollments_version ON enrollments (version, id);
