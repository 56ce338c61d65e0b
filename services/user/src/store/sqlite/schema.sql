-- Accounts. `sequence` is the place in the list of all accounts.
CREATE TABLE account (
    sequence       INTEGER PRIMARY KEY,
    id             TEXT    NOT NULL UNIQUE,
    email          TEXT    NOT NULL UNIQUE,
    email_verified INTEGER NOT NULL DEFAULT 0 CHECK (email_verified IN (0, 1)),
    name           TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    password_hash  TEXT    NOT NULL,
    version        INTEGER NOT NULL CHECK (version >= 1),
    -- Attempts to register this address again. Counting them makes a known address cost the commit that a new one costs.
    attempts       INTEGER NOT NULL DEFAULT 0,
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL
) STRICT;

-- What accounts may do besides buying.
CREATE TABLE account_role (
    account_id TEXT NOT NULL REFERENCES account (id),
    role       TEXT NOT NULL CHECK (role IN ('support', 'catalog', 'admin')),
    PRIMARY KEY (account_id, role)
) STRICT, WITHOUT ROWID;
CREATE INDEX account_role_by_role ON account_role (role, account_id);

-- Sign-ins. One that was ended stays until its tokens need not be recognised any more.
CREATE TABLE session (
    id           TEXT    NOT NULL PRIMARY KEY,
    account_id   TEXT    NOT NULL REFERENCES account (id),
    client       TEXT,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    ends_at      INTEGER NOT NULL,
    ended_at     INTEGER,
    end_reason   TEXT CHECK (end_reason IN ('signed_out', 'reused', 'password_changed', 'too_many')),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX session_by_account ON session (account_id, created_at) WHERE ended_at IS NULL;
CREATE INDEX session_by_end ON session (min(ends_at, coalesce(ended_at, ends_at)));

-- Refresh tokens, by their SHA-256. `state` is
--   active    not used; the one token the client should have
--   repeatable  used once, its successor is active: the reply may have been lost, so it works once more
--   spent     used up, or replaced without having been used: whoever shows it ends the session
CREATE TABLE refresh_token (
    hash       BLOB    NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    session_id TEXT    NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    state      TEXT    NOT NULL CHECK (state IN ('active', 'repeatable', 'spent')),
    ends_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_token_by_session ON refresh_token (session_id);
-- A session has one token at most that its client should use next.
CREATE UNIQUE INDEX refresh_token_active ON refresh_token (session_id) WHERE state = 'active';

-- Address books.
CREATE TABLE address (
    id          TEXT    NOT NULL PRIMARY KEY,
    account_id  TEXT    NOT NULL REFERENCES account (id),
    name        TEXT    NOT NULL,
    line1       TEXT    NOT NULL,
    line2       TEXT,
    postal_code TEXT    NOT NULL,
    city        TEXT    NOT NULL,
    region      TEXT,
    country     TEXT    NOT NULL CHECK (length(country) = 2),
    version     INTEGER NOT NULL CHECK (version >= 1),
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX address_by_account ON address (account_id, created_at, id);
