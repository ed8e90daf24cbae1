-- What running the product day by day needs: a row to prove that the database takes writes, how far retention has come, and
-- indexes for what is looked for seldom.

CREATE TABLE write_probe (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    at INTEGER NOT NULL
) STRICT;

-- One row per kind of rows that age: up to which id this pass has looked, and when the pass began.
CREATE TABLE retention (
    name TEXT NOT NULL PRIMARY KEY,
    cursor TEXT NOT NULL,
    began_at INTEGER NOT NULL
) STRICT;

CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);
-- There should be none.
CREATE INDEX events_orphaned ON events (at) WHERE kind = 'call.orphaned';
