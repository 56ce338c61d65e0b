-- Orders: one row each, with its lines and its parcels inside it, because every reader wants an order whole and every
-- writer guards the whole by its version. So an order costs one row to place and one look into an index to read; the
-- views below show the parts as tables.

-- The order number that people see is made from this. It counts up, and skips what a refused or repeated request took:
-- a counter without gaps would make each order wait until the one before it is on disk.
CREATE SEQUENCE order_numbers AS bigint;

CREATE TABLE orders (
    -- The place in the list of all orders.
    sequence         bigint  NOT NULL PRIMARY KEY,
    id               text    COLLATE "C" NOT NULL UNIQUE,
    customer_id      text    COLLATE "C" NOT NULL,
    status           text    COLLATE "C" NOT NULL CHECK (status IN ('pending', 'awaiting_payment', 'confirmed',
                             'partially_shipped', 'shipped', 'delivered', 'rejected', 'cancelling', 'cancelled',
                             'returned')),
    version          bigint  NOT NULL CHECK (version >= 1),
    currency         text    COLLATE "C" NOT NULL CHECK (length(currency) = 3),
    total            bigint  NOT NULL,
    -- In the customer's order, with the title and price each was placed at:
    -- [{"sku", "title", "quantity", "unit_price", "rejection"?}].
    lines            json    NOT NULL,
    payment_method   text    COLLATE "C" NOT NULL,
    shipping_address json,
    cancel_reason    text    COLLATE "C",
    -- In the order they left:
    -- [{"id", "carrier", "tracking_number", "lines": [{"sku", "quantity"}], "dispatched_at", "delivered_at"?}].
    shipments        json    NOT NULL DEFAULT '[]',
    due_at           bigint,
    reminders        bigint  NOT NULL DEFAULT 0,
    -- Until then a sweeper is at work on this overdue order.
    claimed_until    bigint  NOT NULL DEFAULT 0,
    created_at       bigint  NOT NULL,
    updated_at       bigint  NOT NULL,
    -- An order that waits for somebody is watched by the sweeper (invariant I3).
    CHECK ((due_at IS NOT NULL) = (status IN ('pending', 'awaiting_payment', 'cancelling')))
);
CREATE INDEX orders_by_customer ON orders (customer_id, sequence);
CREATE INDEX orders_by_customer_and_status ON orders (customer_id, status, sequence);
CREATE INDEX orders_by_status ON orders (status, sequence);
-- For counting what is in progress: however many orders are done, it stays small.
CREATE INDEX orders_in_progress ON orders (status) WHERE status IN ('pending', 'awaiting_payment', 'confirmed',
    'partially_shipped', 'shipped', 'cancelling');
CREATE INDEX orders_by_due_at ON orders (due_at) WHERE due_at IS NOT NULL;

-- What happened to an order: each version has exactly one entry. Entries are only written together with their order, and
-- orders are never deleted: a foreign key would look each of them up again, and lock it.
CREATE TABLE timeline (
    order_id text   COLLATE "C" NOT NULL,
    version  bigint NOT NULL,
    at       bigint NOT NULL,
    kind     text   COLLATE "C" NOT NULL,
    detail   text,
    PRIMARY KEY (order_id, version)
);

-- What `product.*` events say, so that orders are priced while the product service is away. A sku may pass from an
-- archived product to a new one, so it is looked up by sku and kept by product.
CREATE TABLE catalog (
    product_id text   COLLATE "C" NOT NULL PRIMARY KEY,
    sku        text   COLLATE "C" NOT NULL,
    title      text   NOT NULL,
    price      bigint NOT NULL,
    currency   text   COLLATE "C" NOT NULL CHECK (length(currency) = 3),
    status     text   COLLATE "C" NOT NULL CHECK (status IN ('active', 'archived')),
    version    bigint NOT NULL
);
CREATE INDEX catalog_by_sku ON catalog (sku, status);

-- For people and for checks: no program reads orders through these.
CREATE VIEW order_lines AS
SELECT orders.id AS order_id, part.position - 1 AS position, part.line ->> 'sku' AS sku, part.line ->> 'title' AS title,
       (part.line ->> 'quantity')::bigint AS quantity, (part.line ->> 'unit_price')::bigint AS unit_price,
       part.line ->> 'rejection' AS rejection
FROM orders, json_array_elements(orders.lines) WITH ORDINALITY AS part (line, position);

CREATE VIEW shipments AS
SELECT orders.id AS order_id, part.position - 1 AS position, part.shipment ->> 'id' AS id,
       part.shipment ->> 'carrier' AS carrier, part.shipment ->> 'tracking_number' AS tracking_number,
       (part.shipment ->> 'dispatched_at')::bigint AS dispatched_at,
       (part.shipment ->> 'delivered_at')::bigint AS delivered_at
FROM orders, json_array_elements(orders.shipments) WITH ORDINALITY AS part (shipment, position);

CREATE VIEW shipment_lines AS
SELECT shipment ->> 'id' AS shipment_id, line ->> 'sku' AS sku, (line ->> 'quantity')::bigint AS quantity
FROM orders, json_array_elements(orders.shipments) AS shipment, json_array_elements(shipment -> 'lines') AS line;
