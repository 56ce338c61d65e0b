-- Times are milliseconds since 1970: they come from the service's clock, not from the server's. Keys are compared byte by byte:
-- the order of a language is no use for them, and comparing by it costs many times as much.

-- Rows change several times and go after a day: room in the pages lets most changes touch no index, and cleaning comes early.
CREATE TABLE outbox (
  seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id TEXT COLLATE "C" NOT NULL UNIQUE,
  type TEXT NOT NULL,
  producer TEXT NOT NULL,
  correlation_id TEXT NOT NULL,
  aggregate_version BIGINT NOT NULL,
  occurred_at BIGINT NOT NULL,
  traceparent TEXT,
  body TEXT NOT NULL,
  claimed_until BIGINT NOT NULL DEFAULT 0,
  published_at BIGINT
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05);
CREATE INDEX outbox_pending ON outbox (seq) WHERE published_at IS NULL;
CREATE INDEX outbox_published ON outbox (published_at) WHERE published_at IS NOT NULL;

CREATE TABLE inbox (
  consumer TEXT COLLATE "C" NOT NULL,
  message_id TEXT COLLATE "C" NOT NULL,
  received_at BIGINT NOT NULL,
  PRIMARY KEY (consumer, message_id)
);
CREATE INDEX inbox_by_age ON inbox (received_at);

-- A row with next_at is deferred, one with parked_at is parked. unended counts the tries in a row that nobody has told the end
-- of yet. While a replica tries a message, next_at is the end of its lease; one with unended tries after that is a suspect.
CREATE TABLE deferred (
  id TEXT COLLATE "C" NOT NULL,
  queue TEXT COLLATE "C" NOT NULL,
  type TEXT NOT NULL,
  producer TEXT NOT NULL,
  correlation_id TEXT NOT NULL,
  aggregate_version BIGINT NOT NULL,
  occurred_at BIGINT NOT NULL,
  traceparent TEXT,
  body TEXT NOT NULL,
  attempts INTEGER NOT NULL CHECK (attempts >= 0),
  reason TEXT NOT NULL,
  next_at BIGINT,
  unended INTEGER NOT NULL DEFAULT 0 CHECK (unended >= 0),
  parked_at BIGINT,
  PRIMARY KEY (id, queue),
  CHECK ((next_at IS NULL) <> (parked_at IS NULL)),
  CHECK (unended = 0 OR next_at IS NOT NULL)
);
CREATE INDEX deferred_due ON deferred (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX deferred_parked ON deferred (parked_at, id, queue) WHERE parked_at IS NOT NULL;
