CREATE TABLE product (
  id TEXT PRIMARY KEY,
  sku TEXT NOT NULL UNIQUE,
  slug TEXT NOT NULL UNIQUE,
  title TEXT NOT NULL,
  description TEXT NOT NULL,
  category TEXT,
  price_amount INTEGER NOT NULL CHECK (price_amount BETWEEN 0 AND 1000000000000),
  price_currency TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('active', 'archived')),
  attributes TEXT NOT NULL,
  version INTEGER NOT NULL CHECK (version >= 1),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX product_newest ON product (status, created_at, id);
CREATE INDEX product_price ON product (status, price_amount, id);
CREATE INDEX product_category_newest ON product (status, category, created_at, id);
CREATE INDEX product_category_price ON product (status, category, price_amount, id);
CREATE INDEX product_any_newest ON product (created_at, id);

-- The folded words of each product, for search by the beginnings of words.
CREATE TABLE token (
  token TEXT NOT NULL,
  product_id TEXT NOT NULL REFERENCES product (id),
  PRIMARY KEY (token, product_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX token_by_product ON token (product_id, token);

-- The attributes of each product, as text, for filters.
CREATE TABLE attribute (
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  product_id TEXT NOT NULL REFERENCES product (id),
  PRIMARY KEY (name, value, product_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX attribute_by_product ON attribute (product_id, name, value);

-- Prices that are no longer asked, for the grace period.
CREATE TABLE replaced_price (
  sku TEXT NOT NULL,
  amount INTEGER NOT NULL,
  currency TEXT NOT NULL,
  replaced_at INTEGER NOT NULL,
  PRIMARY KEY (sku, amount, currency)
) STRICT, WITHOUT ROWID;

-- The checks are invariant I1.
CREATE TABLE inventory (
  sku TEXT PRIMARY KEY REFERENCES product (sku),
  received INTEGER NOT NULL CHECK (received >= 0),
  available INTEGER NOT NULL CHECK (available >= 0),
  reserved INTEGER NOT NULL CHECK (reserved >= 0),
  sold INTEGER NOT NULL CHECK (sold >= 0),
  low_told INTEGER NOT NULL DEFAULT 0,
  version INTEGER NOT NULL DEFAULT 1,
  CHECK (received = available + reserved + sold)
) STRICT, WITHOUT ROWID;

CREATE TABLE adjustment (
  id TEXT PRIMARY KEY,
  sku TEXT NOT NULL REFERENCES inventory (sku),
  quantity INTEGER NOT NULL CHECK (quantity <> 0),
  reason TEXT NOT NULL,
  actor TEXT,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX adjustment_by_sku ON adjustment (sku, id);

CREATE TABLE reservation (
  order_id TEXT PRIMARY KEY,
  state TEXT NOT NULL CHECK (state IN ('held', 'committed', 'rejected', 'released', 'tombstone')),
  version INTEGER NOT NULL,
  -- When the order is asked about a hold, and how often it was.
  ask_at INTEGER,
  asked INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX reservation_to_ask ON reservation (ask_at) WHERE ask_at IS NOT NULL;

-- What is held or sold for an order now; emptied when it is released.
CREATE TABLE reservation_line (
  order_id TEXT NOT NULL REFERENCES reservation (order_id),
  sku TEXT NOT NULL REFERENCES inventory (sku),
  quantity INTEGER NOT NULL CHECK (quantity >= 0),
  PRIMARY KEY (order_id, sku)
) STRICT, WITHOUT ROWID;
