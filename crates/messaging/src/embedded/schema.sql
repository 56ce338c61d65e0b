CREATE TABLE binding (
  type TEXT NOT NULL,
  queue TEXT NOT NULL,
  PRIMARY KEY (type, queue)
) STRICT, WITHOUT ROWID;

-- AUTOINCREMENT: numbers are never used again, so a queue's reader only ever looks behind the last one it saw.
CREATE TABLE message (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  queue TEXT NOT NULL,
  origin TEXT NOT NULL,
  id TEXT NOT NULL,
  type TEXT NOT NULL,
  correlation_id TEXT NOT NULL,
  aggregate_version INTEGER NOT NULL,
  occurred_at INTEGER NOT NULL,
  producer TEXT NOT NULL,
  traceparent TEXT,
  body TEXT NOT NULL,
  deliveries INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX message_by_queue ON message (queue, seq);
