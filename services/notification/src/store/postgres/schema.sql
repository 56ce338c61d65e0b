-- Keys are compared byte by byte: the order of a language is no use for them, and comparing by it costs many times as much.
--
-- Whom notifications reach: what `user.*` events say. Profile and roles are told by different events, so each has its own
-- version; a row without an email knows of the roles only. `last_stream_seq` numbers the account's own notifications: the
-- row's lock is held from taking the next number to the commit, so an account's numbers become visible in their order.
CREATE TABLE contacts (
    user_id         TEXT    COLLATE "C" PRIMARY KEY,
    email           TEXT,
    name            TEXT    NOT NULL DEFAULT '',
    profile_version BIGINT  NOT NULL DEFAULT 0,
    keeps_catalog   BOOLEAN NOT NULL DEFAULT FALSE,
    roles_version   BIGINT  NOT NULL DEFAULT 0,
    last_stream_seq BIGINT  NOT NULL DEFAULT 0,
    CHECK ((email IS NULL) = (profile_version = 0))
) WITH (fillfactor = 80);
CREATE INDEX contacts_that_keep_the_catalog ON contacts (user_id) WHERE keeps_catalog;

-- What was told to whom. `stream_seq` counts an account's own rows from 1 without gaps; clients resume by it.
-- `transaction_id` is the transaction that wrote the row: the live stream tails the table by it (`reading.rs` says how).
CREATE TABLE notifications (
    id             TEXT   COLLATE "C" PRIMARY KEY,
    user_id        TEXT   COLLATE "C" NOT NULL,
    stream_seq     BIGINT NOT NULL CHECK (stream_seq >= 1),
    event_id       TEXT   COLLATE "C" NOT NULL,
    type           TEXT   NOT NULL,
    title          TEXT   NOT NULL,
    body           TEXT   NOT NULL,
    data           TEXT   NOT NULL,
    payload        TEXT   NOT NULL,
    created_at     BIGINT NOT NULL,
    read_at        BIGINT,
    transaction_id BIGINT NOT NULL DEFAULT (pg_current_xact_id()::text::bigint)
);
CREATE UNIQUE INDEX notifications_by_user ON notifications (user_id, stream_seq);
CREATE UNIQUE INDEX notifications_by_event ON notifications (event_id, user_id);
CREATE INDEX notifications_unread ON notifications (user_id, stream_seq) WHERE read_at IS NULL;
CREATE INDEX notifications_by_age ON notifications (created_at);
CREATE INDEX notifications_by_transaction ON notifications (transaction_id);

-- Notifications on their way, and the log of what became of them. `due_at` is when the next try may begin: while one is
-- going on, the end of its lease; none once the delivery has ended.
CREATE TABLE deliveries (
    sequence        BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id              TEXT    COLLATE "C" NOT NULL UNIQUE,
    notification_id TEXT    COLLATE "C" NOT NULL,
    event_id        TEXT    COLLATE "C" NOT NULL,
    type            TEXT    NOT NULL,
    user_id         TEXT    COLLATE "C" NOT NULL,
    channel         TEXT    COLLATE "C" NOT NULL CHECK (channel IN ('email')),
    address         TEXT    NOT NULL,
    name            TEXT    NOT NULL,
    state           TEXT    COLLATE "C" NOT NULL CHECK (state IN ('queued', 'sending', 'sent', 'failed', 'skipped')),
    attempts        INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    due_at          BIGINT,
    last_error      TEXT,
    created_at      BIGINT  NOT NULL,
    updated_at      BIGINT  NOT NULL,
    UNIQUE (event_id, user_id, channel),
    CHECK ((due_at IS NOT NULL) = (state IN ('queued', 'sending')))
);
CREATE INDEX deliveries_due ON deliveries (channel, due_at, sequence) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_by_state ON deliveries (state, sequence);
CREATE INDEX deliveries_by_user ON deliveries (user_id, sequence);
CREATE INDEX deliveries_ended ON deliveries (updated_at) WHERE due_at IS NULL;
