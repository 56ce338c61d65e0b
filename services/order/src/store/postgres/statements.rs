//! Every statement of this store.
//!
//! A command is one statement that changes, and one before it that reads what the decision needs. So it is its own
//! transaction without a round trip for BEGIN and COMMIT, and no lock is held while this program thinks. What was read may
//! be past by then; each statement that changes therefore has a guard, and its caller reads anew when the guard holds it
//! back. Those that are carried out most take many commands at once, as arrays. All lock what they lock in the order of keys,
//! so none waits for another in a circle.

/// The columns `rows::order` reads, in its order; a statement's others come after them.
macro_rules! order_columns {
    () => {
        "orders.sequence, orders.id, orders.customer_id, orders.status, orders.version, orders.currency, orders.total, \
         orders.lines, orders.payment_method, orders.shipping_address, orders.cancel_reason, orders.shipments, \
         orders.due_at, orders.reminders, orders.created_at, orders.updated_at"
    };
}

/// A list, the newest first: `$1` is the place it goes on after, `$2` how many.
///
/// Each combination of filters is a statement of its own. The filter is written as a range of the index that serves it, and
/// the index's whole key as the order: with `status = …` and `ORDER BY sequence`, the planner, which does not know the value,
/// would rather walk through all orders and skip those in other states.
macro_rules! list {
    ($where:literal, $order:literal) => {
        concat!(
            "SELECT ",
            order_columns!(),
            " FROM orders WHERE ",
            $where,
            " ORDER BY ",
            $order,
            " LIMIT $2"
        )
    };
}

postgres_store::statements! {
    /// A number for each of so many orders, and what the catalog says of the skus that each wants: an active product comes
    /// before an archived one that had the sku earlier.
    QUOTE = "\
WITH given AS MATERIALIZED (
  SELECT command, nextval('order_numbers') AS number FROM generate_series(1, $1::bigint) AS command
)
SELECT given.number, found.product_id, found.sku, found.title, found.price, found.currency, found.status, found.version
FROM UNNEST($2::bigint[], $3::text[]) WITH ORDINALITY AS wanted (command, sku, place)
JOIN given ON given.command = wanted.command
LEFT JOIN LATERAL (
  SELECT product_id, sku, title, price, currency, status, version FROM catalog
  WHERE catalog.sku = wanted.sku ORDER BY status LIMIT 1
) AS found ON true
ORDER BY wanted.place";

    /// Everything that orders are when they are placed, and whose were. The idempotency rows come first, in the order in which
    /// they are given: if another request has or is about to have a key, this waits until that one is committed and then leaves
    /// the order out.
    PLACE = "\
WITH wanted AS MATERIALIZED (
  SELECT * FROM UNNEST($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::text[], $8::text[],
    $9::bigint[], $10::text[], $11::bigint[], $12::text[], $13::text[], $14::text[], $15::bigint[], $16::bigint[],
    $17::bigint[], $18::bigint[], $19::text[], $20::text[], $21::text[], $22::text[], $23::text[], $24::bigint[],
    $25::bigint[], $26::text[], $27::text[], $28::text[]) WITH ORDINALITY
    AS wanted (caller, key, fingerprint, order_id, now, sequence, customer_id, status, version, currency, total, lines,
      payment_method, shipping_address, due_at, created_at, updated_at, entered_at, kind, detail, event_id, type,
      correlation_id, aggregate_version, occurred_at, producer, traceparent, body, place)
), kept AS (
  INSERT INTO idempotency (caller, key, fingerprint, status, object_id, created_at)
  SELECT caller, key, fingerprint, 201, order_id, now FROM wanted ORDER BY place
  ON CONFLICT DO NOTHING RETURNING object_id
), fresh AS MATERIALIZED (
  SELECT wanted.* FROM wanted WHERE order_id IN (SELECT object_id FROM kept)
), placed AS (
  INSERT INTO orders (sequence, id, customer_id, status, version, currency, total, lines, payment_method,
    shipping_address, due_at, created_at, updated_at)
  SELECT sequence, order_id, customer_id, status, version, currency, total, lines::json, payment_method,
    shipping_address::json, due_at, created_at, updated_at FROM fresh
), entered AS (
  INSERT INTO timeline (order_id, version, at, kind, detail) SELECT order_id, version, entered_at, kind, detail FROM fresh
), told AS (
  INSERT INTO outbox (id, type, correlation_id, aggregate_version, occurred_at, producer, traceparent, body, claimed_until)
  SELECT event_id, type, correlation_id, aggregate_version, occurred_at, producer, traceparent, body, $29::bigint
  FROM fresh ORDER BY place
)
SELECT object_id FROM kept";

    /// What an earlier request with a key placed, as it is now.
    PLACED_BEFORE = "SELECT ", order_columns!(), ", kept.fingerprint
FROM idempotency AS kept
LEFT JOIN orders ON orders.id = kept.object_id AND orders.customer_id = kept.caller
WHERE kept.caller = $1 AND kept.key = $2";

    /// Orders, and whether the request or the message that is about each was here before. Ownership is part of the query, so
    /// that somebody else's order is never even read.
    BEFORE = "SELECT ", order_columns!(), ", kept.fingerprint, kept.object_id, heard.message_id
FROM UNNEST($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) WITH ORDINALITY
  AS asked (order_id, owner, caller, key, message_id, place)
LEFT JOIN LATERAL (
  SELECT fingerprint, object_id FROM idempotency WHERE idempotency.caller = asked.caller AND idempotency.key = asked.key LIMIT 1
) AS kept ON true
LEFT JOIN LATERAL (
  SELECT message_id FROM inbox WHERE inbox.consumer = $6 AND inbox.message_id = asked.message_id LIMIT 1
) AS heard ON true
LEFT JOIN LATERAL (
  SELECT * FROM orders WHERE orders.id = asked.order_id AND (asked.owner IS NULL OR orders.customer_id = asked.owner) LIMIT 1
) AS orders ON true
ORDER BY asked.place";

    /// Steps of orders with all that belongs to them, each if its order still is what the decision was taken on. The deadline and
    /// the reminders are part of the guard, because a reminder leaves the version as it is. An order is looked up in an array, so
    /// that orders are locked in the order of their ids.
    CHANGE = "\
WITH step AS MATERIALIZED (
  SELECT * FROM UNNEST($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::bigint[], $8::text[],
    $9::bigint[], $10::bigint[], $11::bigint[], $12::text[], $13::text[], $14::bigint[], $15::text[], $16::text[], $17::text[],
    $18::text[], $19::text[], $20::text[], $21::integer[], $22::text[], $23::bigint[]) WITH ORDINALITY
    AS step (order_id, old_status, old_version, old_due_at, old_reminders, status, version, cancel_reason, due_at, reminders,
      updated_at, lines, shipments, entered_at, kind, detail, message_id, caller, key, fingerprint, reply, object_id, now, place)
), changed AS (
  UPDATE orders SET status = step.status, version = step.version, cancel_reason = step.cancel_reason, due_at = step.due_at,
    reminders = step.reminders, updated_at = step.updated_at, lines = COALESCE(step.lines::json, orders.lines),
    shipments = COALESCE(step.shipments::json, orders.shipments), claimed_until = 0
  FROM step
  WHERE orders.id = ANY ($1) AND orders.id = step.order_id AND orders.status = step.old_status
    AND orders.version = step.old_version AND orders.due_at IS NOT DISTINCT FROM step.old_due_at
    AND orders.reminders = step.old_reminders
  RETURNING step.place
), done AS MATERIALIZED (
  SELECT step.* FROM step WHERE place IN (SELECT place FROM changed)
), entered AS (
  INSERT INTO timeline (order_id, version, at, kind, detail)
  SELECT order_id, version, entered_at, kind, detail FROM done WHERE kind IS NOT NULL
), told AS (
  INSERT INTO outbox (id, type, correlation_id, aggregate_version, occurred_at, producer, traceparent, body, claimed_until)
  SELECT id, type, correlation_id, aggregate_version, occurred_at, producer, traceparent, body, $34::bigint
  FROM UNNEST($24::bigint[], $25::text[], $26::text[], $27::text[], $28::bigint[], $29::bigint[], $30::text[], $31::text[],
    $32::text[]) AS event (about, id, type, correlation_id, aggregate_version, occurred_at, producer, traceparent, body)
  WHERE about IN (SELECT place FROM changed)
), heard AS (
  INSERT INTO inbox (consumer, message_id, received_at)
  SELECT $33::text, message_id, now FROM done WHERE message_id IS NOT NULL
), kept AS (
  INSERT INTO idempotency (caller, key, fingerprint, status, object_id, created_at)
  SELECT caller, key, fingerprint, reply, object_id, now FROM done WHERE key IS NOT NULL
)
SELECT place FROM changed";

    /// A message that changes no order, and what is told about it, if anything.
    HEARD = "\
WITH heard AS (
  INSERT INTO inbox (consumer, message_id, received_at) VALUES ($1, $2, $3)
  ON CONFLICT DO NOTHING RETURNING message_id
), told AS (
  INSERT INTO outbox (id, type, correlation_id, aggregate_version, occurred_at, producer, traceparent, body)
  SELECT event.* FROM heard, UNNEST($4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[], $9::text[],
    $10::text[], $11::text[]) AS event
)
SELECT count(*) FROM heard";

    /// A request with a key that found nothing left to do.
    KEPT = "\
INSERT INTO idempotency (caller, key, fingerprint, status, object_id, created_at)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";

    /// What a product event says, unless the message or a newer one was heard.
    HEAR_PRODUCT = "\
WITH heard AS (
  INSERT INTO inbox (consumer, message_id, received_at) VALUES ($1, $2, $3)
  ON CONFLICT DO NOTHING RETURNING message_id
)
INSERT INTO catalog (product_id, sku, title, price, currency, status, version)
SELECT $4::text, $5::text, $6::text, $7::bigint, $8::text, $9::text, $10::bigint FROM heard
ON CONFLICT (product_id) DO UPDATE SET sku = excluded.sku, title = excluded.title, price = excluded.price,
  currency = excluded.currency, status = excluded.status, version = excluded.version
WHERE excluded.version > catalog.version";

    /// Overdue orders that no other sweeper is at work on, the longest overdue first. They stay this sweeper's until it has
    /// moved them on or the lease ends; a lease that a power cut undoes harms nobody, so the disk is not waited for.
    CLAIM_OVERDUE = "\
WITH due AS MATERIALIZED (
  SELECT sequence, due_at FROM orders WHERE due_at <= $1 AND claimed_until <= $1
  ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED
), claimed AS (
  UPDATE orders SET claimed_until = $3 FROM due
  WHERE orders.sequence = due.sequence AND (SELECT set_config('synchronous_commit', 'off', true)) = 'off'
  RETURNING orders.id, due.due_at
)
SELECT id FROM claimed ORDER BY due_at";

    /// One order; with an owner, only if it is theirs.
    ORDER = "SELECT ", order_columns!(), " FROM orders WHERE id = $1 AND ($2::text IS NULL OR customer_id = $2)";

    /// What happened to an order; no row if it is not there or not theirs.
    TIMELINE = "\
SELECT timeline.at, timeline.kind, timeline.detail
FROM orders JOIN timeline ON timeline.order_id = orders.id
WHERE orders.id = $1 AND ($2::text IS NULL OR orders.customer_id = $2)
ORDER BY timeline.version";

    /// All orders.
    LIST = list!("sequence < $1", "sequence DESC");
    /// A customer's.
    LIST_OF_CUSTOMER = list!(
        "(customer_id, sequence) < ($3, $1) AND customer_id >= $3",
        "customer_id DESC, sequence DESC"
    );
    /// Those in a state.
    LIST_IN_STATUS = list!("(status, sequence) < ($3, $1) AND status >= $3", "status DESC, sequence DESC");
    /// A customer's in a state.
    LIST_OF_CUSTOMER_IN_STATUS = list!(
        "(customer_id, status, sequence) < ($3, $4, $1) AND (customer_id, status) >= ($3, $4)",
        "customer_id DESC, status DESC, sequence DESC"
    );

    /// How many orders are in each state that is not final: the index holds no others.
    COUNT_BY_STATUS = "SELECT status, count(*) FROM orders WHERE status IN ('pending', 'awaiting_payment', 'confirmed', \
        'partially_shipped', 'shipped', 'cancelling') GROUP BY status";
}
