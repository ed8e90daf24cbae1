-- What running the product day by day needs: a row to prove that the database takes writes, how far retention has come, and
-- indexes for what is looked for seldom.

CREATE TABLE write_probe (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    at BIGINT NOT NULL
);

-- One row per kind of rows that age: up to which id this pass has looked, and when the pass began.
CREATE TABLE retention (
    name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    cursor TEXT COLLATE "C" NOT NULL,
    began_at BIGINT NOT NULL
);

CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);
-- There should be none.
CREATE INDEX events_orphaned ON events (at) WHERE kind = 'call.orphaned';
