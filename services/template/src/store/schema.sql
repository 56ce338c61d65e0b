-- A row is the permission to review: it is there since the sku was delivered to the customer, who may not have used it yet.
CREATE TABLE reviews (
  sku TEXT COLLATE "C" NOT NULL,
  customer_id TEXT COLLATE "C" NOT NULL,
  stars SMALLINT CHECK (stars BETWEEN 1 AND 5),
  PRIMARY KEY (sku, customer_id)
);
