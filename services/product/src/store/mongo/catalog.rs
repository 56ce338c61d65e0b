//! Commands on products.

use contracts::events::product::{
    ProductArchived, ProductCreated, ProductStatus, ProductUpdated, ReplacedPrice,
};
use contracts::{Payload, ProductId, UserId};
use mongo_store::Transaction;
use mongo_store::mongodb::bson::{Document, doc};
use mongo_store::mongodb::options::{FindOneOptions, FindOptions};
use service_kit::Context;
use service_kit::http::etag::IfMatch;
use store_kit::StoreError;

use super::rows::{changeable, new_document, product_in, whole};
use super::stock::shelf::{InventoryRow, Replaced};
use super::{INVENTORY, PRODUCT, Told, event, inventory, remember, replay, tell};
use crate::domain::product::{Description, NewProduct, Product, ProductPatch};
use crate::domain::slug;
use crate::domain::stock::Rules;
use crate::store::{Adjustment, ChangeError, CreateError, Listed, Name, Once, Retry};

/// Products of one title that are told apart by a number; those behind them by their id, so that the search for a free
/// slug does not grow with a catalog full of one title.
const NUMBERED_SLUGS: u32 = 20;

/// A product to be made.
pub(super) struct Creation {
    pub(super) new: NewProduct,
    pub(super) actor: Option<UserId>,
    pub(super) retry: Option<Retry>,
    pub(super) rules: Rules,
    pub(super) context: Context,
}

pub(super) async fn create(
    tx: &mut Transaction,
    creation: &Creation,
) -> Result<Once<Listed>, CreateError> {
    let Creation { new, context, .. } = creation;
    if let Some(retry) = &creation.retry {
        match replay(tx, retry).await? {
            Some(Ok(id)) => return Ok(Once::Replayed(existing(tx, &id).await?)),
            Some(Err(())) => return Ok(Once::KeyReused),
            None => {}
        }
    }
    if sku_is_taken(tx, new.sku.as_str()).await? {
        return Err(CreateError::SkuTaken);
    }
    let id = ProductId::at(context.now);
    let slug = free_slug(tx, new.title.as_str(), id).await?;
    let product = product(new, id, slug, context)?;
    let stocked = new.initial_stock.get();
    tx.insert(PRODUCT, &[new_document(&product, stocked > 0)])
        .await?;
    let mut told = receive(tx, &product, creation).await?;
    let created = ProductCreated {
        product: product.snapshot(),
    };
    told.push(event(id.to_string(), 1, created, context));
    tell(tx, &told).await?;
    if let Some(retry) = &creation.retry {
        remember(tx, retry, id.to_string(), context).await?;
    }
    Ok(Once::Done(Listed {
        product,
        in_stock: stocked > 0,
    }))
}

pub(super) fn product(
    new: &NewProduct,
    id: ProductId,
    slug: String,
    context: &Context,
) -> Result<Product, StoreError> {
    let nothing = || Description::try_from(String::new()).map_err(StoreError::broken);
    Ok(Product {
        id,
        slug,
        sku: new.sku.clone(),
        title: new.title.clone(),
        description: new.description.clone().map_or_else(nothing, Ok)?,
        category: new.category.clone(),
        price: new.price,
        status: ProductStatus::Active,
        attributes: new.attributes.clone(),
        version: 1,
        created_at: context.now,
        updated_at: context.now,
    })
}

/// Gives a new product its stock. What is on the shelf from the start was received by an adjustment like any other.
async fn receive(
    tx: &mut Transaction,
    product: &Product,
    creation: &Creation,
) -> Result<Vec<Told>, StoreError> {
    let mut stock = InventoryRow::empty(product.sku.clone());
    let pieces = creation.new.initial_stock.get();
    if pieces == 0 {
        tx.insert(INVENTORY, &[stock]).await?;
        return Ok(Vec::new());
    }
    let adjustment = Adjustment::new(
        &product.sku,
        i64::from(pieces),
        "initial stock",
        creation.actor,
        &creation.context,
    );
    stock.adjust(adjustment.quantity)?;
    let mut told = vec![inventory::adjusted(&adjustment, &stock, &creation.context)];
    let low = stock.low(product.id, product.title.as_str(), creation.rules);
    let version = stock.version;
    told.extend(low.map(|low| event(product.sku.to_string(), version, low, &creation.context)));
    tx.insert(INVENTORY, &[stock]).await?;
    inventory::insert(tx, &adjustment).await?;
    Ok(told)
}

/// A change of a product.
pub(super) struct Change {
    pub(super) id: ProductId,
    pub(super) if_match: IfMatch,
    pub(super) patch: ProductPatch,
    pub(super) rules: Rules,
    pub(super) context: Context,
}

pub(super) async fn patch(tx: &mut Transaction, change: &Change) -> Result<Listed, ChangeError> {
    let Change { id, context, .. } = change;
    let row = product_in(tx, &Name::Id(*id)).await?;
    let mut row = row.ok_or(ChangeError::NotFound)?;
    let replaced = std::mem::take(&mut row.replaced);
    let before = row.listed()?;
    if !change.if_match.matches(before.product.version) {
        return Err(ChangeError::Stale);
    }
    let Some(product) = change.patch.clone().apply(&before.product, context.now) else {
        return Ok(before);
    };
    let replaced_price = (before.product.price != product.price).then(|| ReplacedPrice {
        price: before.product.price.money(),
        replaced_at: context.now,
    });
    let replaced = prices(replaced, replaced_price.as_ref(), change);
    update(tx, &product, &replaced).await?;
    let payload = payload(&before.product, &product, replaced_price);
    let told = event(id.to_string(), product.version, payload, context);
    tell(tx, &[told]).await?;
    Ok(Listed {
        product,
        in_stock: before.in_stock,
    })
}

/// The replaced prices after a change. What nobody may order at any more is forgotten, so that they do not grow for ever.
fn prices(
    mut replaced: Vec<Replaced>,
    news: Option<&ReplacedPrice>,
    change: &Change,
) -> Vec<Replaced> {
    let Some(news) = news else { return replaced };
    let oldest = change.context.now.minus(change.rules.price_grace);
    replaced.retain(|price| price.money() != news.price && price.at >= oldest.unix_millis());
    replaced.push(Replaced {
        amount: news.price.amount,
        currency: news.price.currency,
        at: news.replaced_at.unix_millis(),
    });
    replaced
}

fn payload(before: &Product, after: &Product, replaced_price: Option<ReplacedPrice>) -> Payload {
    let product = after.snapshot();
    if after.status == ProductStatus::Archived && before.status == ProductStatus::Active {
        ProductArchived { product }.into()
    } else {
        ProductUpdated {
            product,
            replaced_price,
        }
        .into()
    }
}

async fn update(
    tx: &mut Transaction,
    product: &Product,
    replaced: &[Replaced],
) -> Result<(), StoreError> {
    // The transaction has seen this version: a change in between makes the server refuse the update.
    let as_seen = doc! { "_id": product.id.to_string(), "version": whole(product.version - 1) };
    let change = doc! { "$set": changeable(product, replaced) };
    tx.update_one(PRODUCT, as_seen, change).await?;
    Ok(())
}

async fn existing(tx: &mut Transaction, id: &str) -> Result<Listed, StoreError> {
    let gone = || {
        StoreError::broken(format!(
            "an idempotency key names {id}, which does not exist"
        ))
    };
    let name = Name::Id(id.parse().map_err(|_| gone())?);
    product_in(tx, &name).await?.ok_or_else(gone)?.listed()
}

/// The unique index would refuse it too, but not in words that tell it from other failures.
async fn sku_is_taken(tx: &mut Transaction, sku: &str) -> Result<bool, StoreError> {
    let options = FindOneOptions::builder()
        .projection(doc! { "_id": 1 })
        .build();
    let taken: Option<Document> = tx
        .find_one(PRODUCT, doc! { "sku": sku }, Some(options))
        .await?;
    Ok(taken.is_some())
}

async fn free_slug(tx: &mut Transaction, title: &str, id: ProductId) -> Result<String, StoreError> {
    let base = slug::of_title(title);
    let numbered = (2..=NUMBERED_SLUGS).map(|n| format!("{base}-{n}"));
    let wanted: Vec<String> = std::iter::once(base.clone()).chain(numbered).collect();
    let options = FindOptions::builder()
        .projection(doc! { "_id": 0, "slug": 1 })
        .build();
    let taken = doc! { "slug": { "$in": &wanted } };
    let taken: Vec<Document> = tx.find(PRODUCT, taken, Some(options)).await?;
    let is_free = |slug: &String| {
        taken
            .iter()
            .all(|row| row.get_str("slug").ok() != Some(slug))
    };
    let free = wanted.into_iter().find(is_free);
    Ok(free.unwrap_or_else(|| format!("{base}-{}", id.uuid().as_simple())))
}
