-- The log of journal events, and what is committed together with it. Append only.

CREATE TABLE daybook_events (
    originator_id text COLLATE "C" NOT NULL,
    originator_version bigint NOT NULL CHECK (originator_version > 0),
    topic text COLLATE "C" NOT NULL,
    state bytea NOT NULL,
    -- The position: assigned by the writer under the append lock, gapless from 1.
    notification_id bigint NOT NULL CHECK (notification_id > 0),
    PRIMARY KEY (originator_id, originator_version)
);
CREATE UNIQUE INDEX daybook_events_position ON daybook_events (notification_id);

-- One row a database transaction of the writer; the newest is the head of the log. The event at
-- position p of a commit was recorded at recorded_at + (p - first_position) microseconds.
CREATE TABLE commits (
    last_position bigint PRIMARY KEY,
    first_position bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    -- The Merkle tree over all events up to the last: the hashes of its perfect subtrees, largest first.
    peaks bytea NOT NULL,
    CHECK (first_position <= last_position)
);
CREATE UNIQUE INDEX commits_recorded_at ON commits (recorded_at, first_position);

-- What was asked under an idempotency key and what was answered, for the life of the ledger.
CREATE TABLE commands (
    principal text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    request bytea NOT NULL,
    status smallint NOT NULL,
    answer bytea NOT NULL,
    -- The last position of the transaction, or null where the command was refused.
    position bigint,
    PRIMARY KEY (principal, key)
);

-- Names that only one can have: an account's reference, the reversal of a transaction. Those of persons
-- stand in users, since they end.
CREATE TABLE claims (
    name text COLLATE "C" PRIMARY KEY,
    holder text COLLATE "C" NOT NULL
);

-- What is to be sent to a payment gateway: a row a payment, from the commit that authorised it until
-- its outcome is final. Whoever takes a row moves `due_at` on by the length of a lease.
CREATE TABLE outbox (
    payment_id bigint PRIMARY KEY,
    gateway text NOT NULL,
    message bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    due_at timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 0,
    -- Whether an attempt was ever left without an answer: then the payment may have happened.
    in_doubt boolean NOT NULL DEFAULT false
);
CREATE INDEX outbox_due ON outbox (gateway, due_at);

CREATE SEQUENCE account_ids;
CREATE SEQUENCE hold_ids;
CREATE SEQUENCE loan_ids;
CREATE SEQUENCE statement_ids;
CREATE SEQUENCE standing_order_ids;
CREATE SEQUENCE biller_ids;
CREATE SEQUENCE bill_ids;
CREATE SEQUENCE payment_ids;
CREATE SEQUENCE autopay_ids;
CREATE SEQUENCE registration_ids;
CREATE SEQUENCE work_item_ids;
CREATE SEQUENCE reconciliation_ids;

-- Take the append lock of the log, and raise DB001 unless the log ends at `expected` under it. Each
-- statement of a volatile function sees what was committed before it, so the head is read after the
-- lock is had.
CREATE FUNCTION lock_log(expected bigint) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(28254671641472875);
    IF expected IS DISTINCT FROM coalesce(
        (SELECT last_position FROM commits ORDER BY last_position DESC LIMIT 1), 0)
    THEN
        RAISE EXCEPTION 'the log does not end at position %', expected USING ERRCODE = 'DB001';
    END IF;
END;
$$;

-- Go on with the rights of a role, for the rest of the session; with one's own where there is no such
-- role here, or one may not take it.
CREATE FUNCTION take_role(wanted text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('role', rolname, false) FROM pg_roles
      WHERE rolname = wanted AND pg_has_role(oid, 'MEMBER');
END;
$$;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append only: % refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'insufficient_privilege';
END;
$$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON daybook_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON commits
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON commands
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON claims
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
