-- Orders. `sequence` is the place in the list of all orders; the order number that people see is made from it.
CREATE TABLE orders (
    sequence         INTEGER PRIMARY KEY,
    id               TEXT    NOT NULL UNIQUE,
    customer_id      TEXT    NOT NULL,
    status           TEXT    NOT NULL CHECK (status IN ('pending', 'awaiting_payment', 'confirmed', 'partially_shipped',
                             'shipped', 'delivered', 'rejected', 'cancelling', 'cancelled', 'returned')),
    version          INTEGER NOT NULL CHECK (version >= 1),
    currency         TEXT    NOT NULL CHECK (length(currency) = 3),
    total            INTEGER NOT NULL,
    payment_method   TEXT    NOT NULL,
    shipping_address TEXT,
    cancel_reason    TEXT,
    due_at           INTEGER,
    reminders        INTEGER NOT NULL DEFAULT 0,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    -- An order that waits for somebody is watched by the sweeper (invariant I3).
    CHECK ((due_at IS NOT NULL) = (status IN ('pending', 'awaiting_payment', 'cancelling')))
) STRICT;
-- SQLite ends every index with the rowid, which is `sequence`: each of these serves a newest-first list.
CREATE INDEX orders_by_customer ON orders (customer_id);
CREATE INDEX orders_by_customer_and_status ON orders (customer_id, status);
CREATE INDEX orders_by_status ON orders (status);
-- For counting what is in progress: however many orders are done, it stays small.
CREATE INDEX orders_in_progress ON orders (status) WHERE status IN ('pending', 'awaiting_payment', 'confirmed',
    'partially_shipped', 'shipped', 'cancelling');
CREATE INDEX orders_by_due_at ON orders (due_at) WHERE due_at IS NOT NULL;

-- What an order consists of, in the customer's order, with the title and price it was placed at.
CREATE TABLE order_lines (
    order_id   TEXT    NOT NULL REFERENCES orders (id),
    position   INTEGER NOT NULL,
    sku        TEXT    NOT NULL,
    title      TEXT    NOT NULL,
    quantity   INTEGER NOT NULL CHECK (quantity BETWEEN 1 AND 1000000),
    unit_price INTEGER NOT NULL,
    rejection  TEXT,
    PRIMARY KEY (order_id, sku)
) STRICT, WITHOUT ROWID;

-- What happened to an order: each version has exactly one entry.
CREATE TABLE timeline (
    order_id TEXT    NOT NULL REFERENCES orders (id),
    version  INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    kind     TEXT    NOT NULL,
    detail   TEXT,
    PRIMARY KEY (order_id, version)
) STRICT, WITHOUT ROWID;

-- Parcels, in the order they left.
CREATE TABLE shipments (
    order_id        TEXT    NOT NULL REFERENCES orders (id),
    position        INTEGER NOT NULL,
    id              TEXT    NOT NULL UNIQUE,
    carrier         TEXT    NOT NULL,
    tracking_number TEXT    NOT NULL,
    dispatched_at   INTEGER NOT NULL,
    delivered_at    INTEGER,
    PRIMARY KEY (order_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE shipment_lines (
    shipment_id TEXT    NOT NULL REFERENCES shipments (id),
    sku         TEXT    NOT NULL,
    quantity    INTEGER NOT NULL CHECK (quantity BETWEEN 1 AND 1000000),
    PRIMARY KEY (shipment_id, sku)
) STRICT, WITHOUT ROWID;

-- What `product.*` events say, so that orders are priced while the product service is away. A sku may pass from an
-- archived product to a new one, so it is looked up by sku and kept by product.
CREATE TABLE catalog (
    product_id TEXT    NOT NULL PRIMARY KEY,
    sku        TEXT    NOT NULL,
    title      TEXT    NOT NULL,
    price      INTEGER NOT NULL,
    currency   TEXT    NOT NULL CHECK (length(currency) = 3),
    status     TEXT    NOT NULL CHECK (status IN ('active', 'archived')),
    version    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX catalog_by_sku ON catalog (sku, status);
