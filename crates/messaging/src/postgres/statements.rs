//! Every statement on the messaging tables.
//!
//! What is picked by a limit is picked into an array: PostgreSQL takes an array for short and goes along an index for each of
//! its members, while it takes a limit it does not know for a tenth of the table, and would read all of it.
//!
//! Claims and stamps are committed without waiting for the disk (`synchronous_commit = off` for that one transaction, set by
//! the statement itself): a power cut may undo the last of them, and then a message is published or tried once more, which
//! inboxes make harmless. The log is written in order, so they never come undone while something later stays.

macro_rules! message_columns {
    () => {
        "id, type, correlation_id, aggregate_version, occurred_at, producer, traceparent, body"
    };
}

/// True, and the transaction will not wait for the disk.
macro_rules! relaxed {
    () => {
        "(SELECT set_config('synchronous_commit', 'off', true)) = 'off'"
    };
}

postgres_store::statements! {
    /// Several events at once: one statement, whatever their number.
    APPEND = "INSERT INTO outbox (", message_columns!(), ") SELECT * FROM UNNEST($1::text[], $2::text[], $3::text[], \
        $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::text[])";

    /// Waits for a transaction that is receiving the same message, and then finds its row.
    RECEIVE = "INSERT INTO inbox (consumer, message_id, received_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";

    CLAIM = "UPDATE outbox SET claimed_until = $1 WHERE seq = ANY (ARRAY(SELECT seq FROM outbox WHERE published_at IS NULL \
        AND claimed_until <= $2 ORDER BY seq LIMIT $3 FOR UPDATE SKIP LOCKED)) AND ", relaxed!(),
        " RETURNING ", message_columns!(), ", seq";

    MARK_PUBLISHED = "UPDATE outbox SET published_at = $2 WHERE id = ANY ($1) AND ", relaxed!();

    RELEASE = "UPDATE outbox SET claimed_until = $2 WHERE id = ANY ($1) AND ", relaxed!();

    OUTBOX_STATS = "SELECT (SELECT count(*) FROM outbox WHERE published_at IS NULL), \
        (SELECT occurred_at FROM outbox WHERE published_at IS NULL ORDER BY seq LIMIT 1)";

    /// Some events behind an id, in the order of ids: so the work of one statement is bounded, whatever there is.
    REPLAY_SOME = "WITH batch AS MATERIALIZED (SELECT id FROM outbox WHERE id > $2 ORDER BY id LIMIT $3), \
        again AS (UPDATE outbox SET published_at = NULL, claimed_until = 0 WHERE id = ANY (ARRAY(SELECT id FROM batch)) \
        AND published_at IS NOT NULL AND occurred_at >= $1 RETURNING 1) \
        SELECT (SELECT count(*) FROM again), (SELECT max(id) FROM batch)";

    DEFER = "INSERT INTO deferred (", message_columns!(), ", queue, attempts, reason, next_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10, $11) ON CONFLICT DO NOTHING";

    PARK = "INSERT INTO deferred (", message_columns!(), ", queue, attempts, reason, parked_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10, $11) ON CONFLICT (id, queue) DO UPDATE SET next_at = NULL, \
        unended = 0, reason = excluded.reason, attempts = deferred.attempts + 1, \
        parked_at = coalesce(deferred.parked_at, excluded.parked_at)";

    /// Gives each message to one of several replicas, for as long as a lease, and counts a try: suspects, or the others.
    DUE = "WITH due AS MATERIALIZED (SELECT id, queue, next_at FROM deferred WHERE next_at <= $2 AND (unended > 0) = $4 \
        ORDER BY next_at LIMIT $3 FOR UPDATE SKIP LOCKED) \
        UPDATE deferred SET next_at = $1, unended = unended + 1, attempts = attempts + 1 \
        WHERE id = ANY (ARRAY(SELECT id FROM due)) AND (id, queue) IN (SELECT id, queue FROM due) AND ", relaxed!(),
        " RETURNING ", message_columns!(), ", queue, attempts, unended - 1, \
        (SELECT due.next_at FROM due WHERE due.id = deferred.id AND due.queue = deferred.queue)";

    RESOLVE = "DELETE FROM deferred WHERE id = $1 AND queue = $2";

    RESCHEDULE = "UPDATE deferred SET unended = 0, reason = $4, next_at = $5 \
        WHERE id = $1 AND queue = $2 AND attempts = $3 AND unended > 0";

    GIVE_BACK = "UPDATE deferred SET unended = unended - 1, attempts = attempts - 1, next_at = $4 \
        WHERE id = $1 AND queue = $2 AND attempts = $3 AND unended > 0";

    GIVE_UP = "UPDATE deferred SET unended = 0, reason = $4, next_at = NULL, parked_at = $5 \
        WHERE id = $1 AND queue = $2 AND attempts = $3 AND unended > 0";

    PARKED = "SELECT ", message_columns!(), ", queue, attempts, reason, parked_at FROM deferred \
        WHERE parked_at IS NOT NULL AND (parked_at, id, queue) > ($1, $2, $4) ORDER BY parked_at, id, queue LIMIT $3";

    PARKED_IN = "SELECT queue FROM deferred WHERE id = $1 AND parked_at IS NOT NULL ORDER BY queue";

    /// Looked up by its key before it is asked whether it is parked: the index of parked rows serves the question too, by reading
    /// all of them, and of a small table the planner does not care which.
    PARKED_MESSAGE = "WITH found AS MATERIALIZED (SELECT * FROM deferred WHERE id = $1 AND queue = $2) \
        SELECT ", message_columns!(), ", queue, attempts, reason, parked_at FROM found WHERE parked_at IS NOT NULL";

    REPLAY = "UPDATE deferred SET next_at = $3, parked_at = NULL, attempts = 0 \
        WHERE id = $1 AND queue = $2 AND parked_at IS NOT NULL";

    DISCARD = "DELETE FROM deferred WHERE id = $1 AND queue = $2 AND parked_at IS NOT NULL";

    DEFERRED_STATS = "SELECT (SELECT count(*) FROM deferred WHERE next_at IS NOT NULL), \
        (SELECT count(*) FROM deferred WHERE parked_at IS NOT NULL)";

    /// Replicas sweep at the same time: each takes what no other is taking.
    SWEEP_PUBLISHED = "DELETE FROM outbox WHERE seq = ANY (ARRAY(SELECT seq FROM outbox WHERE published_at < $1 \
        ORDER BY published_at LIMIT $2 FOR UPDATE SKIP LOCKED))";

    /// By place in the table: the key has two columns, and rows of the inbox never move.
    SWEEP_RECEIVED = "DELETE FROM inbox WHERE ctid = ANY (ARRAY(SELECT ctid FROM inbox \
        WHERE received_at < $1 AND NOT EXISTS (SELECT FROM deferred WHERE deferred.id = inbox.message_id) \
        ORDER BY received_at LIMIT $2 FOR UPDATE SKIP LOCKED))";
}
