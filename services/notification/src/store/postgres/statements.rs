//! Every statement on the notification tables.
//!
//! What is picked by a limit is picked into an array: PostgreSQL takes an array for short and goes along an index for each of
//! its members, while it takes a limit it does not know for a tenth of the table, and would read all of it.

macro_rules! notification_columns {
    () => {
        "id, stream_seq, type, title, body, data, created_at, read_at"
    };
}

/// The delivery log, the newest first. Each combination of filters is a statement of its own, so that each finds its index;
/// a filter that is not set is still given, as NULL.
macro_rules! log {
    ($state:literal, $channel:literal, $user:literal) => {
        concat!(
            "SELECT sequence, id, notification_id, event_id, type, user_id, channel, address, state, attempts, due_at, \
             last_error, created_at, updated_at FROM deliveries WHERE ",
            $state,
            " AND ",
            $channel,
            " AND ",
            $user,
            " AND sequence < $4 ORDER BY sequence DESC LIMIT $5"
        )
    };
}

postgres_store::statements! {
    /// A profile, unless a newer one was heard (I11).
    PUT_PROFILE = "INSERT INTO contacts (user_id, email, name, profile_version) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (user_id) DO UPDATE SET email = excluded.email, name = excluded.name, \
        profile_version = excluded.profile_version WHERE excluded.profile_version > contacts.profile_version";

    /// Roles, unless newer ones were heard (I11).
    PUT_ROLES = "INSERT INTO contacts (user_id, keeps_catalog, roles_version) VALUES ($1, $2, $3) \
        ON CONFLICT (user_id) DO UPDATE SET keeps_catalog = excluded.keeps_catalog, \
        roles_version = excluded.roles_version WHERE excluded.roles_version > contacts.roles_version";

    /// Whom an event about an account is told to, with the next number of their stream.
    NUMBER_ACCOUNT = "UPDATE contacts SET last_stream_seq = last_stream_seq + 1 WHERE user_id = $1 AND email IS NOT NULL \
        RETURNING user_id, email, name, last_stream_seq";

    /// The same for all who keep the catalog. Their rows are locked in the order of their ids: two such events at once wait for
    /// each other instead of ending in a deadlock.
    NUMBER_KEEPERS = "UPDATE contacts SET last_stream_seq = last_stream_seq + 1 WHERE user_id = ANY (ARRAY( \
        SELECT user_id FROM contacts WHERE keeps_catalog AND email IS NOT NULL ORDER BY user_id FOR UPDATE)) \
        RETURNING user_id, email, name, last_stream_seq";

    /// Notifications, one for each recipient, and their deliveries, one for each recipient and channel.
    TELL = "WITH told AS (INSERT INTO notifications (id, user_id, stream_seq, event_id, type, title, body, data, payload, \
        created_at) SELECT id, user_id, stream_seq, $4, $5, $6, $7, $8, $9, $10 \
        FROM UNNEST($1::text[], $2::text[], $3::bigint[]) AS told (id, user_id, stream_seq)) \
        INSERT INTO deliveries (id, notification_id, event_id, type, user_id, channel, address, name, state, due_at, \
        created_at, updated_at) SELECT id, notification_id, $4, $5, user_id, channel, address, name, state, \
        CASE state WHEN 'queued' THEN $10::bigint END, $10, $10 \
        FROM UNNEST($11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[]) \
        AS delivery (id, notification_id, user_id, channel, address, name, state)";

    /// Everything that is told to accounts, numbered in their streams, each unless its message was heard before or nobody knows
    /// where its account is reached. The contacts' rows are locked first, in the order of their ids: who waits for one finds, when
    /// it goes on, the inbox row of the same message, or takes the numbers after the last one that was committed (an UPDATE looks
    /// at the newest version of a row, however old the statement is). So numbers have no gaps and become visible in their order.
    /// Answers for each whether it was told now, and whether there is nothing to tell: the account is known, so the message was
    /// heard, or the message was heard of an account that is not known any more.
    TELL_ACCOUNTS = "\
WITH asked AS MATERIALIZED (
  SELECT * FROM UNNEST($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::text[], $10::text[]) WITH ORDINALITY
    AS asked (user_id, message_id, at, id, event_id, type, title, body, data, payload, place)
), known AS MATERIALIZED (
  SELECT user_id FROM contacts WHERE user_id = ANY ($1) AND email IS NOT NULL ORDER BY user_id FOR NO KEY UPDATE
), heard AS (
  INSERT INTO inbox (consumer, message_id, received_at)
  SELECT $15::text, message_id, at FROM asked WHERE user_id IN (SELECT user_id FROM known) ORDER BY place
  ON CONFLICT DO NOTHING RETURNING message_id
), fresh AS MATERIALIZED (
  SELECT asked.*, row_number() OVER (PARTITION BY user_id ORDER BY place) AS number FROM asked
  WHERE message_id IN (SELECT message_id FROM heard)
), counted AS MATERIALIZED (
  SELECT user_id, count(*) AS many FROM fresh GROUP BY user_id
), numbered AS (
  UPDATE contacts SET last_stream_seq = last_stream_seq + counted.many FROM counted
  WHERE contacts.user_id = ANY ($1) AND contacts.user_id = counted.user_id
  RETURNING contacts.user_id, contacts.email, contacts.name, contacts.last_stream_seq - counted.many AS told_before
), told AS (
  INSERT INTO notifications (id, user_id, stream_seq, event_id, type, title, body, data, payload, created_at)
  SELECT id, user_id, told_before + number, event_id, type, title, body, data, payload, at
  FROM fresh JOIN numbered USING (user_id)
), queued AS (
  INSERT INTO deliveries (id, notification_id, event_id, type, user_id, channel, address, name, state, due_at, created_at,
    updated_at)
  SELECT delivery.id, fresh.id, fresh.event_id, fresh.type, fresh.user_id, delivery.channel, numbered.email, numbered.name,
    delivery.state, CASE delivery.state WHEN 'queued' THEN fresh.at END, fresh.at, fresh.at
  FROM UNNEST($11::bigint[], $12::text[], $13::text[], $14::text[]) AS delivery (about, id, channel, state)
  JOIN fresh ON fresh.place = delivery.about JOIN numbered USING (user_id) ORDER BY fresh.place
)
SELECT heard.message_id IS NOT NULL,
  known.user_id IS NOT NULL OR EXISTS (SELECT FROM inbox WHERE consumer = $15 AND inbox.message_id = asked.message_id)
FROM asked LEFT JOIN heard USING (message_id) LEFT JOIN known USING (user_id) ORDER BY asked.place";

    /// What is due and nobody is taking: queued deliveries, and those whose sender's lease ended at $5 or before. Unlike the
    /// relay's claims it waits for the disk: one that a crash of the server undid would be queued again, and sent by somebody else
    /// while its sender lives, and its number would be given out twice.
    CLAIM = "WITH due AS MATERIALIZED (SELECT sequence, due_at FROM deliveries WHERE channel = $1 AND due_at <= $2 \
        AND (state = 'queued' OR due_at <= $5) ORDER BY due_at, sequence LIMIT $4 FOR UPDATE SKIP LOCKED) \
        UPDATE deliveries AS d SET state = 'sending', attempts = attempts + 1, due_at = $3, updated_at = $2 \
        FROM notifications AS n WHERE d.sequence = ANY (ARRAY(SELECT sequence FROM due)) AND n.id = d.notification_id \
        RETURNING d.id, d.attempts, d.event_id, d.type, n.payload, n.title, d.channel, d.user_id, d.address, d.name, \
        n.created_at, (SELECT due.due_at FROM due WHERE due.sequence = d.sequence), d.sequence";

    /// One of the deliveries whose lease has ended at $2. Whoever is just recording it is waited for.
    TOUCH_LATE = "UPDATE deliveries SET updated_at = $3 WHERE sequence = (SELECT sequence FROM deliveries \
        WHERE state = 'sending' AND channel = $1 AND due_at <= $2 ORDER BY sequence LIMIT 1 FOR UPDATE)";

    HOLD = "UPDATE deliveries SET due_at = $3 WHERE id = $1 AND attempts = $2 AND state = 'sending'";

    /// What tries came to, and what is told about them, each if it is still that try's to say. Answers with the places of those that
    /// are recorded by this.
    RECORD = "\
WITH tried AS MATERIALIZED (
  SELECT * FROM UNNEST($1::text[], $2::integer[], $3::text[], $4::bigint[], $5::text[]) WITH ORDINALITY
    AS tried (id, attempt, state, due_at, reason, place)
), recorded AS (
  UPDATE deliveries AS d SET state = tried.state, due_at = tried.due_at, last_error = coalesce(tried.reason, d.last_error),
    updated_at = $6
  FROM tried WHERE d.id = ANY ($1) AND d.id = tried.id AND d.attempts = tried.attempt AND d.state = 'sending'
  RETURNING tried.place
), told AS (
  INSERT INTO outbox (id, type, correlation_id, aggregate_version, occurred_at, producer, traceparent, body)
  SELECT event.id, type, correlation_id, aggregate_version, occurred_at, producer, traceparent, body
  FROM UNNEST($7::bigint[], $8::text[], $9::text[], $10::text[], $11::bigint[], $12::bigint[], $13::text[], $14::text[],
    $15::text[]) AS event (about, id, type, correlation_id, aggregate_version, occurred_at, producer, traceparent, body)
  JOIN recorded ON recorded.place = event.about ORDER BY recorded.place
)
SELECT place FROM recorded";

    /// At which try deliveries stand. It is asked after [`RECORD`], of what that did not record: by itself that would answer from
    /// what was committed when it began, and show a delivery that it waited for as it was before somebody else took it.
    STANDING = "SELECT id, attempts FROM deliveries WHERE id = ANY ($1)";

    LIST = "SELECT ", notification_columns!(), " FROM notifications WHERE user_id = $1 AND stream_seq < $2 \
        ORDER BY stream_seq DESC LIMIT $3";

    LIST_UNREAD = "SELECT ", notification_columns!(), " FROM notifications WHERE user_id = $1 AND stream_seq < $2 \
        AND read_at IS NULL ORDER BY stream_seq DESC LIMIT $3";

    COUNT_UNREAD = "SELECT count(*) FROM notifications WHERE user_id = $1 AND read_at IS NULL";

    /// Whose it is belongs to the statement, so that somebody else's is not there. The first time of reading stays.
    MARK_READ = "UPDATE notifications SET read_at = coalesce(read_at, $3) WHERE id = $1 AND user_id = $2";

    MARK_ALL_READ = "UPDATE notifications SET read_at = $2 WHERE user_id = $1 AND read_at IS NULL";

    STREAM_END = "SELECT last_stream_seq FROM contacts WHERE user_id = $1";

    STREAM_AFTER = "SELECT ", notification_columns!(), " FROM notifications WHERE user_id = $1 AND stream_seq > $2 \
        ORDER BY stream_seq LIMIT $3";

    /// The last transaction before which none is going on any more.
    SETTLED = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1";

    /// Never a part of a transaction, whatever the limit.
    NEWS = "SELECT transaction_id, user_id, pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1 \
        FROM notifications WHERE transaction_id > $1 ORDER BY transaction_id FETCH FIRST $2 ROWS WITH TIES";

    LOG = log!("$1::text IS NULL", "$2::text IS NULL", "$3::text IS NULL");
    LOG_OF_STATE = log!("state = $1", "$2::text IS NULL", "$3::text IS NULL");
    LOG_OF_CHANNEL = log!("$1::text IS NULL", "channel = $2", "$3::text IS NULL");
    LOG_OF_STATE_AND_CHANNEL = log!("state = $1", "channel = $2", "$3::text IS NULL");
    LOG_OF_USER = log!("$1::text IS NULL", "$2::text IS NULL", "user_id = $3");
    LOG_OF_STATE_AND_USER = log!("state = $1", "$2::text IS NULL", "user_id = $3");
    LOG_OF_CHANNEL_AND_USER = log!("$1::text IS NULL", "channel = $2", "user_id = $3");
    LOG_OF_ALL_THREE = log!("state = $1", "channel = $2", "user_id = $3");

    COUNT = "SELECT channel, state, count(*) FROM deliveries WHERE due_at IS NOT NULL GROUP BY channel, state \
        ORDER BY channel, state";

    /// Replicas sweep at the same time: each takes what no other is taking.
    SWEEP_DELIVERIES = "DELETE FROM deliveries WHERE sequence = ANY (ARRAY(SELECT sequence FROM deliveries \
        WHERE due_at IS NULL AND updated_at < $1 ORDER BY updated_at LIMIT $2 FOR UPDATE SKIP LOCKED))";

    /// A notification stays while it is on its way: mails are written from it.
    SWEEP_NOTIFICATIONS = "DELETE FROM notifications WHERE id = ANY (ARRAY(SELECT id FROM notifications \
        WHERE created_at < $1 AND NOT EXISTS (SELECT FROM deliveries WHERE deliveries.event_id = notifications.event_id \
        AND deliveries.user_id = notifications.user_id AND due_at IS NOT NULL) \
        ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED))";
}
