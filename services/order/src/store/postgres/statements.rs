//! Every statement of this store.
//!
//! A command is one statement that changes, and one before it that reads what the decision needs. So it is its own
//! transaction without a round trip for BEGIN and COMMIT, and no lock is held while this program thinks. What was read may
//! be past by then; each statement that changes therefore has a guard, and its caller reads anew when the guard holds it
//! back. Each locks one order at most, so none waits for another in a circle.

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
    /// A number for an order, and what the catalog says of each wanted sku: an active product comes before an archived one
    /// that had the sku earlier.
    QUOTE = "\
WITH given AS MATERIALIZED (SELECT nextval('order_numbers') AS number)
SELECT given.number, found.product_id, found.sku, found.title, found.price, found.currency, found.status, found.version
FROM given
CROSS JOIN unnest($1::text[]) WITH ORDINALITY AS wanted (sku, place)
LEFT JOIN LATERAL (
  SELECT product_id, sku, title, price, currency, status, version FROM catalog
  WHERE catalog.sku = wanted.sku ORDER BY status LIMIT 1
) AS found ON true
ORDER BY wanted.place";

    /// Everything an order is when it is placed. The idempotency row comes first: if another request has or is about to
    /// have it, this waits until that one is committed and then does nothing.
    PLACE = "\
WITH kept AS (
  INSERT INTO idempotency (caller, key, fingerprint, status, object_id, created_at)
  VALUES ($1, $2, $3, $4, $5, $6)
  ON CONFLICT DO NOTHING RETURNING object_id
), placed AS (
  INSERT INTO orders (sequence, id, customer_id, status, version, currency, total, lines, payment_method,
    shipping_address, due_at, created_at, updated_at)
  SELECT $7::bigint, kept.object_id, $8::text, $9::text, $10::bigint, $11::text, $12::bigint, $13::text::json,
    $14::text, $15::text::json, $16::bigint, $17::bigint, $18::bigint
  FROM kept
), entered AS (
  INSERT INTO timeline (order_id, version, at, kind, detail)
  SELECT kept.object_id, $10::bigint, $19::bigint, $20::text, $21::text FROM kept
)
INSERT INTO outbox (id, type, correlation_id, aggregate_version, occurred_at, producer, traceparent, body)
SELECT event.* FROM kept, UNNEST($22::text[], $23::text[], $24::text[], $25::bigint[], $26::bigint[], $27::text[],
  $28::text[], $29::text[]) AS event";

    /// What an earlier request with a key placed, as it is now.
    PLACED_BEFORE = "SELECT ", order_columns!(), ", kept.fingerprint
FROM idempotency AS kept
LEFT JOIN orders ON orders.id = kept.object_id AND orders.customer_id = kept.caller
WHERE kept.caller = $1 AND kept.key = $2";

    /// An order, and whether the request or the message that is about it was here before. Ownership is part of the query, so
    /// that somebody else's order is never even read.
    BEFORE = "SELECT ", order_columns!(), ", kept.fingerprint, kept.object_id, heard.message_id
FROM (VALUES (1)) AS always (one)
LEFT JOIN idempotency AS kept ON kept.caller = $3 AND kept.key = $4
LEFT JOIN inbox AS heard ON heard.consumer = $5 AND heard.message_id = $6
LEFT JOIN orders ON orders.id = $1 AND ($2::text IS NULL OR orders.customer_id = $2)";

    /// One step of an order with all that belongs to it, if the order still is what the decision was taken on. The deadline
    /// and the reminders are part of the guard, because a reminder leaves the version as it is.
    CHANGE = "\
WITH changed AS (
  UPDATE orders SET status = $6, version = $7, cancel_reason = $8, due_at = $9, reminders = $10, updated_at = $11,
    lines = COALESCE($12::text::json, lines), shipments = COALESCE($13::text::json, shipments), claimed_until = 0
  WHERE id = $1 AND status = $2 AND version = $3 AND due_at IS NOT DISTINCT FROM $4 AND reminders = $5
  RETURNING id
), entered AS (
  INSERT INTO timeline (order_id, version, at, kind, detail)
  SELECT changed.id, $7, $14::bigint, $15::text, $16::text FROM changed WHERE $15::text IS NOT NULL
), told AS (
  INSERT INTO outbox (id, type, correlation_id, aggregate_version, occurred_at, producer, traceparent, body)
  SELECT event.* FROM changed, UNNEST($17::text[], $18::text[], $19::text[], $20::bigint[], $21::bigint[], $22::text[],
    $23::text[], $24::text[]) AS event
), heard AS (
  INSERT INTO inbox (consumer, message_id, received_at)
  SELECT $25::text, $26::text, $32::bigint FROM changed WHERE $26::text IS NOT NULL
), kept AS (
  INSERT INTO idempotency (caller, key, fingerprint, status, object_id, created_at)
  SELECT $27::text, $28::text, $29::text, $30::integer, $31::text, $32::bigint
  FROM changed WHERE $28::text IS NOT NULL
)
SELECT count(*) FROM changed";

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
