//! Commands on products.

use contracts::events::product::{
    ProductArchived, ProductCreated, ProductStatus, ProductUpdated, ReplacedPrice,
};
use contracts::{Payload, ProductId, UserId};
use rusqlite::{Connection, params};
use service_kit::Context;
use service_kit::http::etag::IfMatch;
use sqlite_store::StoreError;

use super::rows::{self, status_text};
use super::{remember, replay, stock, tell};
use crate::domain::attributes;
use crate::domain::product::{Category, Description, NewProduct, Product, ProductPatch};
use crate::domain::slug;
use crate::domain::stock::Rules;
use crate::domain::tokens::tokens;
use crate::store::{ChangeError, CreateError, Listed, Name, Once, Retry};

/// Products of one title that are told apart by a number; those behind them by their id, so that the search for a free
/// slug does not grow with a catalog full of one title.
const NUMBERED_SLUGS: u32 = 20;

pub(super) fn create(
    connection: &Connection,
    new: NewProduct,
    actor: Option<UserId>,
    retry: Option<Retry>,
    rules: Rules,
    context: &Context,
) -> Result<Once<Listed>, CreateError> {
    if let Some(stored) = retry
        .as_ref()
        .map(|retry| replay(connection, retry))
        .transpose()?
        .flatten()
    {
        return Ok(match stored {
            Ok(id) => Once::Replayed(existing(connection, &id)?),
            Err(()) => Once::KeyReused,
        });
    }
    let stocked = new.initial_stock.get();
    let description = Description::try_from(String::new())
        .map_err(|why| StoreError::Unexpected(why.to_owned()))?;
    let id = ProductId::at(context.now);
    let product = Product {
        id,
        slug: free_slug(connection, new.title.as_str(), id)?,
        sku: new.sku,
        title: new.title,
        description: new.description.unwrap_or(description),
        category: new.category,
        price: new.price,
        status: ProductStatus::Active,
        attributes: new.attributes,
        version: 1,
        created_at: context.now,
        updated_at: context.now,
    };
    insert(connection, &product)?;
    index(connection, &product)?;
    stock::receive(connection, &product, stocked, actor, rules, context)?;
    let created = ProductCreated {
        product: product.snapshot(),
    };
    tell(connection, product.id.to_string(), 1, created, context)?;
    if let Some(retry) = retry {
        remember(connection, &retry, product.id.to_string(), context)?;
    }
    Ok(Once::Done(Listed {
        product,
        in_stock: stocked > 0,
    }))
}

pub(super) fn patch(
    connection: &Connection,
    id: ProductId,
    if_match: IfMatch,
    patch: ProductPatch,
    context: &Context,
) -> Result<Listed, ChangeError> {
    let before = rows::product(connection, &Name::Id(id))?.ok_or(ChangeError::NotFound)?;
    if !if_match.matches(before.product.version) {
        return Err(ChangeError::Stale);
    }
    let Some(product) = patch.apply(&before.product, context.now) else {
        return Ok(before);
    };
    update(connection, &product)?;
    index(connection, &product)?;
    let replaced_price = replace_price(connection, &before.product, &product, context)?;
    let snapshot = product.snapshot();
    let archived =
        product.status == ProductStatus::Archived && before.product.status == ProductStatus::Active;
    let payload: Payload = if archived {
        ProductArchived { product: snapshot }.into()
    } else {
        ProductUpdated {
            product: snapshot,
            replaced_price,
        }
        .into()
    };
    tell(
        connection,
        id.to_string(),
        product.version,
        payload,
        context,
    )?;
    Ok(Listed {
        product,
        in_stock: before.in_stock,
    })
}

fn existing(connection: &Connection, id: &str) -> Result<Listed, StoreError> {
    let gone = || {
        StoreError::Unexpected(format!(
            "an idempotency key names {id}, which does not exist"
        ))
    };
    let id = id.parse().map_err(|_| gone())?;
    rows::product(connection, &Name::Id(id))?.ok_or_else(gone)
}

fn free_slug(connection: &Connection, title: &str, id: ProductId) -> Result<String, StoreError> {
    let base = slug::of_title(title);
    let mut taken =
        connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM product WHERE slug = ?1)")?;
    let numbered = (2..=NUMBERED_SLUGS).map(|n| format!("{base}-{n}"));
    for slug in std::iter::once(base.clone()).chain(numbered) {
        if !taken.query_row([&slug], |row| row.get::<_, bool>(0))? {
            return Ok(slug);
        }
    }
    Ok(format!("{base}-{}", id.uuid().as_simple()))
}

fn insert(connection: &Connection, product: &Product) -> Result<(), CreateError> {
    let inserted = connection
        .prepare_cached(
            "INSERT INTO product (id, sku, slug, title, description, category, price_amount, price_currency, status,
               attributes, version, created_at, updated_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) ON CONFLICT (sku) DO NOTHING",
        )
        .map_err(StoreError::from)?
        .execute(params![
            product.id.to_string(),
            product.sku.as_str(),
            product.slug,
            product.title.as_str(),
            product.description.as_str(),
            product.category.as_ref().map(Category::as_str),
            product.price.money().amount,
            product.price.money().currency.as_str(),
            status_text(product.status),
            product.attributes.json(),
            product.version,
            product.created_at.unix_millis(),
            product.updated_at.unix_millis(),
        ])
        .map_err(StoreError::from)?;
    if inserted == 0 {
        Err(CreateError::SkuTaken)
    } else {
        Ok(())
    }
}

fn update(connection: &Connection, product: &Product) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE product SET title = ?2, description = ?3, category = ?4, price_amount = ?5, price_currency = ?6,
               status = ?7, attributes = ?8, version = ?9, updated_at = ?10
             WHERE id = ?1 AND version = ?9 - 1",
        )?
        .execute(params![
            product.id.to_string(),
            product.title.as_str(),
            product.description.as_str(),
            product.category.as_ref().map(Category::as_str),
            product.price.money().amount,
            product.price.money().currency.as_str(),
            status_text(product.status),
            product.attributes.json(),
            product.version,
            product.updated_at.unix_millis(),
        ])?;
    Ok(())
}

/// Writes anew the words and attributes by which a product is found.
fn index(connection: &Connection, product: &Product) -> Result<(), StoreError> {
    let id = product.id.to_string();
    connection
        .prepare_cached("DELETE FROM token WHERE product_id = ?1")?
        .execute([&id])?;
    let mut insert =
        connection.prepare_cached("INSERT INTO token (token, product_id) VALUES (?1, ?2)")?;
    for token in tokens(&product.searched_text()) {
        insert.execute(params![token, id])?;
    }
    connection
        .prepare_cached("DELETE FROM attribute WHERE product_id = ?1")?
        .execute([&id])?;
    let mut insert = connection
        .prepare_cached("INSERT INTO attribute (name, value, product_id) VALUES (?1, ?2, ?3)")?;
    for (name, value) in attributes::found_by(&product.attributes) {
        insert.execute(params![name, value, id])?;
    }
    Ok(())
}

/// Remembers a price that is no longer asked.
fn replace_price(
    connection: &Connection,
    before: &Product,
    after: &Product,
    context: &Context,
) -> Result<Option<ReplacedPrice>, StoreError> {
    if before.price == after.price {
        return Ok(None);
    }
    let price = before.price.money();
    connection
        .prepare_cached(
            "INSERT INTO replaced_price (sku, amount, currency, replaced_at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET replaced_at = excluded.replaced_at",
        )?
        .execute(params![before.sku.as_str(), price.amount, price.currency.as_str(), context.now.unix_millis()])?;
    Ok(Some(ReplacedPrice {
        price,
        replaced_at: context.now,
    }))
}
