//! Lists of products: one statement a page, along an index.

use contracts::events::product::ProductStatus;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use sqlite_store::StoreError;

use super::rows::{COLUMNS, listed, status_text};
use crate::domain::tokens::after_prefix;
use crate::store::{CategoryCount, Filter, Listed, Position, Sort};

/// A statement and its values.
pub(super) struct Query {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
}

impl Query {
    fn and(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
        self.values.extend(values);
    }
}

pub(super) fn list(
    connection: &Connection,
    filter: &Filter,
    after: Option<Position>,
    limit: u32,
) -> Result<Vec<Listed>, StoreError> {
    let query = query(filter, after, limit);
    let mut currency = None;
    let products = connection
        .prepare_cached(&query.sql)?
        .query_map(params_from_iter(query.values), |row| {
            listed(row, &mut currency)
        })?
        .collect::<Result<_, _>>()?;
    Ok(products)
}

/// The text depends on which filters are set, not on their values, so that statements are prepared once. CROSS JOIN keeps
/// the product outside: pages are read along its indexes, whatever the planner thinks of the inventory.
pub(super) fn query(filter: &Filter, after: Option<Position>, limit: u32) -> Query {
    let mut query = Query {
        sql: format!(
            "SELECT {COLUMNS} FROM product p CROSS JOIN inventory i ON i.sku = p.sku WHERE true"
        ),
        values: Vec::new(),
    };
    if let Some(status) = filter.status {
        query.and(
            "p.status = ?",
            [Value::from(status_text(status).to_owned())],
        );
    }
    if let Some(category) = &filter.category {
        query.and("p.category = ?", [Value::from(category.clone())]);
    }
    if let Some(price) = filter.price_min {
        query.and("p.price_amount >= ?", [Value::from(price)]);
    }
    if let Some(price) = filter.price_max {
        query.and("p.price_amount <= ?", [Value::from(price)]);
    }
    match filter.in_stock {
        Some(true) => query.and("i.available > 0", []),
        Some(false) => query.and("i.available = 0", []),
        None => {}
    }
    for (name, value) in &filter.attributes {
        query.and(
            "EXISTS (SELECT 1 FROM attribute a WHERE a.product_id = p.id AND a.name = ? AND a.value = ?)",
            [Value::from(name.clone()), Value::from(value.clone())],
        );
    }
    for (index, word) in filter.words.iter().enumerate() {
        let range = [Value::from(word.clone()), Value::from(after_prefix(word))];
        if index == 0 {
            query.and(
                "p.id IN (SELECT product_id FROM token WHERE token >= ? AND token < ?)",
                range,
            );
        } else {
            query.and(
                "EXISTS (SELECT 1 FROM token t WHERE t.product_id = p.id AND t.token >= ? AND t.token < ?)",
                range,
            );
        }
    }
    let (key, direction, comparison) = match filter.sort {
        Sort::Newest => ("created_at", "DESC", "<"),
        Sort::Price => ("price_amount", "ASC", ">"),
        Sort::PriceDescending => ("price_amount", "DESC", "<"),
    };
    if let Some((value, id)) = after {
        query.and(
            &format!("(p.{key}, p.id) {comparison} (?, ?)"),
            [Value::from(value), Value::from(id.to_string())],
        );
    }
    let end = format!(" ORDER BY p.{key} {direction}, p.id {direction} LIMIT ?");
    query.sql.push_str(&end);
    query.values.push(Value::from(i64::from(limit)));
    query
}

pub(super) fn categories(connection: &Connection) -> Result<Vec<CategoryCount>, StoreError> {
    let categories = connection
        .prepare_cached(
            "SELECT category, count(*) FROM product
             WHERE status = ?1 AND category IS NOT NULL GROUP BY category ORDER BY category",
        )?
        .query_map([status_text(ProductStatus::Active)], |row| {
            Ok(CategoryCount {
                name: row.get(0)?,
                products: row.get(1)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(categories)
}
