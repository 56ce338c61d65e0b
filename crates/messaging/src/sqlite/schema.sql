CREATE TABLE outbox (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  type TEXT NOT NULL,
  producer TEXT NOT NULL,
  correlation_id TEXT NOT NULL,
  aggregate_version INTEGER NOT NULL,
  occurred_at INTEGER NOT NULL,
  traceparent TEXT,
  body TEXT NOT NULL,
  claimed_until INTEGER NOT NULL DEFAULT 0,
  published_at INTEGER
) STRICT;
CREATE INDEX outbox_pending ON outbox (seq) WHERE published_at IS NULL;
CREATE INDEX outbox_published ON outbox (published_at) WHERE published_at IS NOT NULL;

CREATE TABLE inbox (
  consumer TEXT NOT NULL,
  message_id TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  PRIMARY KEY (consumer, message_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX inbox_by_age ON inbox (received_at);

-- A row with next_at is deferred, one with parked_at is parked. unended counts the tries in a row that nobody has told the end
-- of yet. While a message is tried, next_at is the end of its lease; one with unended tries after that is a suspect.
CREATE TABLE deferred (
  id TEXT NOT NULL,
  queue TEXT NOT NULL,
  type TEXT NOT NULL,
  producer TEXT NOT NULL,
  correlation_id TEXT NOT NULL,
  aggregate_version INTEGER NOT NULL,
  occurred_at INTEGER NOT NULL,
  traceparent TEXT,
  body TEXT NOT NULL,
  attempts INTEGER NOT NULL CHECK (attempts >= 0),
  reason TEXT NOT NULL,
  next_at INTEGER,
  unended INTEGER NOT NULL DEFAULT 0 CHECK (unended >= 0),
  parked_at INTEGER,
  PRIMARY KEY (id, queue),
  CHECK ((next_at IS NULL) <> (parked_at IS NULL)),
  CHECK (unended = 0 OR next_at IS NOT NULL)
) STRICT, WITHOUT ROWID;
CREATE INDEX deferred_due ON deferred (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX deferred_parked ON deferred (parked_at, id, queue) WHERE parked_at IS NOT NULL;
