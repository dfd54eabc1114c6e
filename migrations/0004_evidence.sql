-- The Merkle tree over the log, for reading, and what was signed of it.

-- 256 hashes side by side: of leaves at level 0, of the tiles below at the next levels. Derived from the
-- log by the sealer, once a tile is full; they can be thrown away, and are derived again.
CREATE TABLE tiles (
    level smallint NOT NULL CHECK (level >= 0),
    number bigint NOT NULL CHECK (number >= 0),
    -- The hash of the perfect tree over the tile: one of the hashes of a tile of the next level.
    root bytea NOT NULL CHECK (length(root) = 32),
    hashes bytea NOT NULL CHECK (length(hashes) = 8192),
    PRIMARY KEY (level, number)
);
-- Hashes do not compress; so a slice of them is read without the rest.
ALTER TABLE tiles ALTER hashes SET STORAGE EXTERNAL;

-- The leaves of the tile that is not full yet, as far as they are sealed: so that an event that was
-- changed since is told by its number. One row; it gives way when its tile is full.
CREATE TABLE open_leaves (
    number bigint PRIMARY KEY CHECK (number >= 0),
    hashes bytea NOT NULL CHECK (length(hashes) BETWEEN 32 AND 8160 AND length(hashes) % 32 = 0)
);

-- Every checkpoint that was signed, as a signed note. One a size: there is one history.
CREATE TABLE checkpoints (
    size bigint PRIMARY KEY CHECK (size > 0),
    root bytea NOT NULL CHECK (length(root) = 32),
    -- When the last event under it was recorded.
    recorded_at timestamptz NOT NULL,
    note text NOT NULL
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
