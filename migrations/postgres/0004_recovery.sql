-- Recovering from a backup: while the mark stands nothing is dialed; and which backups were made.

-- One row from a restore until the calls and stops after its backup are known again.
CREATE TABLE recovery (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    -- The database's own clock when the backup was begun: the journal of stops is read from before it.
    journal_from BIGINT NOT NULL,
    -- The engine's clock then, virtual where one is shared: the provider is asked for calls from before it.
    calls_from BIGINT NOT NULL,
    -- When the mark was set, by both clocks.
    marked_at BIGINT NOT NULL,
    marked_real_at BIGINT NOT NULL
);

CREATE TABLE backups (
    -- By the database's own clock.
    taken_at BIGINT NOT NULL PRIMARY KEY,
    finished_at BIGINT NOT NULL,
    file TEXT COLLATE "C" NOT NULL,
    bytes BIGINT NOT NULL,
    sha256 TEXT COLLATE "C" NOT NULL
);
