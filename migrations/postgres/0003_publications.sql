-- Publishing versions of cadences, and moving who is under way to them.

-- What happened to a cadence's versions, and how far the people under way have been moved.
CREATE TABLE publications (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    cadence TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    -- What new enrollments get from then on; none: nobody may enroll.
    version TEXT COLLATE "C" REFERENCES definitions (hash),
    mode TEXT COLLATE "C" NOT NULL,
    -- JSON object: old step to new step, or to `end`.
    steps TEXT COLLATE "C" NOT NULL,
    -- How many people a minute may be due at once because their wait is over under the new version.
    rate BIGINT NOT NULL,
    -- JSON array: versions whose people are moved.
    from_versions TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    -- JSON: version and last enrollment looked at; empty before the first.
    cursor TEXT COLLATE "C" NOT NULL,
    moved BIGINT NOT NULL,
    ended BIGINT NOT NULL,
    pulled BIGINT NOT NULL,
    published_at BIGINT NOT NULL,
    finished_at BIGINT
);
CREATE INDEX publications_cadence ON publications (cadence, published_at);
CREATE INDEX publications_moving ON publications (published_at) WHERE state = 'moving';

-- What new enrollments get now, and which content the files had when that was last decided by them.
CREATE TABLE cadence_heads (
    cadence TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    version TEXT COLLATE "C" REFERENCES definitions (hash),
    files TEXT COLLATE "C" NOT NULL,
    updated_at BIGINT NOT NULL
);

ALTER TABLE definitions ADD COLUMN withdrawn_at BIGINT;

-- Of all states: an index that names the state would be written anew with every change of it.
CREATE INDEX enrollments_version ON enrollments (version, id);
