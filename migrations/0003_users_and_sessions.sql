-- Who may sign in, and the sessions in which they have.
--
-- A role stands in every access token of a session, so a token tells the truth only while the session
-- lives: whatever changes the role or the password of a user, or disables him, ends his sessions in the
-- same database transaction, by trigger, so that no code path can forget it. (A new hash alone is no other
-- password: hashes are also made anew at a sign-in, when the cost of hashing has been raised.)

CREATE SEQUENCE user_ids;

-- What identifies a person is in the log as ciphertext, and here as keyed digests to sign in by. Of one
-- who was erased, the number and the role are left; the names are free again.
CREATE TABLE users (
    user_id       bigint PRIMARY KEY DEFAULT nextval('user_ids'),
    username_key  text COLLATE "C" UNIQUE,   -- application/keyring.py: names that look alike are one
    email_key     text COLLATE "C" UNIQUE,
    password_hash text NOT NULL,
    role          text NOT NULL
        CHECK (role IN ('user', 'teller', 'loan_officer', 'auditor', 'compliance', 'admin')),
    created_at    timestamptz NOT NULL,
    disabled_at   timestamptz,
    erased_at     timestamptz,
    -- How often another password was chosen. Like the role and the two dates, the log says the same.
    password_changes integer NOT NULL DEFAULT 0,
    CHECK ((erased_at IS NULL) = (username_key IS NOT NULL)),
    CHECK ((erased_at IS NULL) = (email_key IS NOT NULL)),
    CHECK (erased_at IS NULL OR disabled_at IS NOT NULL)
);

ALTER SEQUENCE user_ids OWNED BY users.user_id;

-- The data key of each person, wrapped by a key that is not in the database (`kek` names that one).
-- Whose row is gone cannot be read again, wherever the ciphertext is. Back this table up apart.
CREATE TABLE person_keys (
    user_id    bigint PRIMARY KEY,
    key_id     text COLLATE "C" NOT NULL UNIQUE,
    kek        text NOT NULL,
    wrapped    bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Keys of the ledger itself, wrapped in the same way: the one that names are digested with.
CREATE TABLE ledger_keys (
    name    text COLLATE "C" PRIMARY KEY,
    kek     text NOT NULL,
    wrapped bytea NOT NULL
);

CREATE TABLE sessions (
    sid         uuid PRIMARY KEY,
    user_id     bigint NOT NULL REFERENCES users,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    revoked_at  timestamptz,
    -- The database transaction that revoked it. Times do not come in the order of commits; a reader that
    -- asks for everything from the oldest transaction still open at its last reading misses nothing.
    revoked_xid xid8,
    -- When the first token of it that came too late was recorded; those after it are not.
    refused_at  timestamptz,
    CHECK ((revoked_at IS NULL) = (revoked_xid IS NULL))
);

CREATE INDEX sessions_of_user ON sessions (user_id, created_at);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
CREATE INDEX sessions_by_revocation ON sessions (revoked_xid) WHERE revoked_xid IS NOT NULL;
CREATE INDEX sessions_by_revocation_time ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;

-- The tokens themselves are never stored, only their SHA-256.
CREATE TABLE refresh_tokens (
    token_hash     bytea PRIMARY KEY CHECK (length(token_hash) = 32),
    sid            uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
    issued_at      timestamptz NOT NULL,
    used_at        timestamptz,
    successor_hash bytea CHECK (length(successor_hash) = 32),
    CHECK ((used_at IS NULL) = (successor_hash IS NULL))
);

CREATE INDEX refresh_tokens_of_session ON refresh_tokens (sid);

CREATE FUNCTION end_sessions_of_changed_user() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE sessions
       SET revoked_at = clock_timestamp(), revoked_xid = pg_current_xact_id()
     WHERE user_id = NEW.user_id AND revoked_at IS NULL;
    RETURN NULL;
END
$$;

CREATE TRIGGER end_sessions_when_role_changes
    AFTER UPDATE OF role ON users FOR EACH ROW
    WHEN (OLD.role IS DISTINCT FROM NEW.role)
    EXECUTE FUNCTION end_sessions_of_changed_user();

CREATE TRIGGER end_sessions_when_user_is_disabled
    AFTER UPDATE OF disabled_at ON users FOR EACH ROW
    WHEN (NEW.disabled_at IS NOT NULL AND OLD.disabled_at IS DISTINCT FROM NEW.disabled_at)
    EXECUTE FUNCTION end_sessions_of_changed_user();

CREATE TRIGGER end_sessions_when_password_changes
    AFTER UPDATE OF password_changes ON users FOR EACH ROW
    WHEN (OLD.password_changes IS DISTINCT FROM NEW.password_changes)
    EXECUTE FUNCTION end_sessions_of_changed_user();

-- Destroy the key of a person who was erased, and what could be signed in with. It has the rights of its
-- owner, because nobody else may delete a key; and it does this for nobody whom the log does not call erased.
CREATE FUNCTION forget_person(person bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM daybook_events
                    WHERE originator_id = 'customer-' || person AND topic = 'customer.erased.1')
    THEN
        RAISE EXCEPTION 'customer % was not erased', person USING ERRCODE = 'insufficient_privilege';
    END IF;
    DELETE FROM person_keys WHERE user_id = person;
    UPDATE users
       SET username_key = NULL, email_key = NULL, password_hash = '!',
           disabled_at = coalesce(disabled_at, clock_timestamp()), erased_at = clock_timestamp()
     WHERE user_id = person AND erased_at IS NULL;
    UPDATE sessions SET revoked_at = clock_timestamp(), revoked_xid = pg_current_xact_id()
     WHERE user_id = person AND revoked_at IS NULL;
END
$$;
