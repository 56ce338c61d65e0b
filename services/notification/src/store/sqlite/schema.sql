-- Whom notifications reach: what `user.*` events say. Profile and roles are told by different events, so each has its own
-- version; a row without an email knows of the roles only. `last_stream_seq` numbers the account's own notifications.
CREATE TABLE contacts (
    user_id         TEXT    NOT NULL PRIMARY KEY,
    email           TEXT,
    name            TEXT    NOT NULL DEFAULT '',
    profile_version INTEGER NOT NULL DEFAULT 0,
    keeps_catalog   INTEGER NOT NULL DEFAULT 0 CHECK (keeps_catalog IN (0, 1)),
    roles_version   INTEGER NOT NULL DEFAULT 0,
    last_stream_seq INTEGER NOT NULL DEFAULT 0,
    CHECK ((email IS NULL) = (profile_version = 0))
) STRICT, WITHOUT ROWID;
CREATE INDEX contacts_that_keep_the_catalog ON contacts (user_id) WHERE keeps_catalog = 1;

-- What was told to whom. `position` orders the rows of all accounts as they were committed: the live stream tails it.
-- `stream_seq` counts an account's own rows from 1 without gaps; clients resume by it.
CREATE TABLE notifications (
    position   INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT    NOT NULL UNIQUE,
    user_id    TEXT    NOT NULL,
    stream_seq INTEGER NOT NULL CHECK (stream_seq >= 1),
    event_id   TEXT    NOT NULL,
    type       TEXT    NOT NULL,
    title      TEXT    NOT NULL,
    body       TEXT    NOT NULL,
    data       TEXT    NOT NULL,
    payload    TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    read_at    INTEGER
) STRICT;
CREATE UNIQUE INDEX notifications_by_user ON notifications (user_id, stream_seq);
CREATE UNIQUE INDEX notifications_by_event ON notifications (event_id, user_id);
CREATE INDEX notifications_unread ON notifications (user_id, stream_seq) WHERE read_at IS NULL;
CREATE INDEX notifications_by_age ON notifications (created_at);

-- Notifications on their way, and the log of what became of them. `due_at` is when the next try may begin: while one is
-- going on, the end of its lease; none once the delivery has ended.
CREATE TABLE deliveries (
    sequence        INTEGER PRIMARY KEY AUTOINCREMENT,
    id              TEXT    NOT NULL UNIQUE,
    notification_id TEXT    NOT NULL,
    event_id        TEXT    NOT NULL,
    type            TEXT    NOT NULL,
    user_id         TEXT    NOT NULL,
    channel         TEXT    NOT NULL CHECK (channel IN ('email')),
    address         TEXT    NOT NULL,
    name            TEXT    NOT NULL,
    state           TEXT    NOT NULL CHECK (state IN ('queued', 'sending', 'sent', 'failed', 'skipped')),
    attempts        INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    due_at          INTEGER,
    last_error      TEXT,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    UNIQUE (event_id, user_id, channel),
    CHECK ((due_at IS NOT NULL) = (state IN ('queued', 'sending')))
) STRICT;
CREATE INDEX deliveries_due ON deliveries (channel, due_at) WHERE due_at IS NOT NULL;
-- SQLite ends every index with the rowid, which is `sequence`: each of these serves a newest-first list.
CREATE INDEX deliveries_by_state ON deliveries (state);
CREATE INDEX deliveries_by_user ON deliveries (user_id);
CREATE INDEX deliveries_ended ON deliveries (updated_at) WHERE due_at IS NULL;
