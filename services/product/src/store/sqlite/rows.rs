//! Products as rows.

use contracts::events::product::ProductStatus;
use contracts::{Currency, Money, Timestamp};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row};
use sqlite_store::StoreError;

use crate::domain::attributes::Attributes;
use crate::domain::product::{Category, Description, Price, Product, Title};
use crate::store::{Listed, Name};

/// The columns of a product and its stock, in the order [`listed`] reads them.
pub(super) const COLUMNS: &str = "p.id, p.sku, p.slug, p.title, p.description, p.category, p.price_amount, \
    p.price_currency, p.status, p.attributes, p.version, p.created_at, p.updated_at, i.available > 0";

/// One product with its stock.
pub(super) fn product(connection: &Connection, name: &Name) -> Result<Option<Listed>, StoreError> {
    let (column, value) = match name {
        Name::Id(id) => ("id", id.to_string()),
        Name::Slug(slug) => ("slug", slug.clone()),
    };
    let sql = format!(
        "SELECT {COLUMNS} FROM product p JOIN inventory i ON i.sku = p.sku WHERE p.{column} = ?1"
    );
    let listed = connection
        .prepare_cached(&sql)?
        .query_row([value], |row| listed(row, &mut None))
        .optional()?;
    Ok(listed)
}

/// Reads [`COLUMNS`]. A currency is looked up in the list of all of them only if it differs from that of the row before.
pub(super) fn listed(row: &Row<'_>, last: &mut Option<Currency>) -> rusqlite::Result<Listed> {
    Ok(Listed {
        product: Product {
            id: text(row, 0)?,
            sku: text(row, 1)?,
            slug: row.get(2)?,
            title: Title::stored(row.get(3)?),
            description: Description::stored(row.get(4)?),
            category: row.get::<_, Option<String>>(5)?.map(Category::stored),
            price: Price::try_from(Money::new(row.get(6)?, currency(row, 7, last)?))
                .map_err(|why| unexpected(6, why))?,
            status: status(row, 8)?,
            attributes: Attributes::from_json(row.get(9)?).map_err(|why| unexpected(9, why))?,
            version: row.get(10)?,
            created_at: Timestamp::from_unix_millis(row.get(11)?),
            updated_at: Timestamp::from_unix_millis(row.get(12)?),
        },
        in_stock: row.get(13)?,
    })
}

fn currency(
    row: &Row<'_>,
    column: usize,
    last: &mut Option<Currency>,
) -> rusqlite::Result<Currency> {
    let code = row.get_ref(column)?.as_str()?;
    match last {
        Some(last) if last.as_str() == code => Ok(*last),
        _ => {
            let currency = text(row, column)?;
            *last = Some(currency);
            Ok(currency)
        }
    }
}

/// A column that holds the text of a type.
pub(super) fn text<T: std::str::FromStr>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T::Err: std::fmt::Display,
{
    row.get_ref(column)?
        .as_str()?
        .parse()
        .map_err(|why: T::Err| unexpected(column, why))
}

fn status(row: &Row<'_>, column: usize) -> rusqlite::Result<ProductStatus> {
    match row.get_ref(column)?.as_str()? {
        "active" => Ok(ProductStatus::Active),
        "archived" => Ok(ProductStatus::Archived),
        other => Err(unexpected(column, format!("status {other}"))),
    }
}

/// The text of a status in the store.
pub(super) fn status_text(status: ProductStatus) -> &'static str {
    match status {
        ProductStatus::Active => "active",
        ProductStatus::Archived => "archived",
    }
}

/// A value that this program never writes.
pub(super) fn unexpected(column: usize, why: impl std::fmt::Display) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, why.to_string().into())
}
