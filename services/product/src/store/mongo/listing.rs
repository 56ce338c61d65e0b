//! Lists of products: one query a page, along an index.
//!
//! `newest` and `cheapest` are sort keys with the product's id behind them: small documents, which MongoDB orders field by
//! field, so that a page starts right behind the last product of the page before, however many share a price. The other
//! keys of an index are always given as values, all of them where a filter leaves them open: the server then merges a few
//! ordered runs of one index instead of sorting.

use contracts::events::product::ProductStatus;
use futures_util::stream::TryStreamExt as _;
use mongo_store::Database;
use mongo_store::mongodb::bson::{Bson, Document, doc};
use mongo_store::mongodb::options::Hint;
use serde::Deserialize;
use store_kit::StoreError;

use super::PRODUCT;
use super::rows::{ProductRow, attribute, shown, status_text};
use crate::domain::tokens::after_prefix;
use crate::store::{CategoryCount, Filter, Listed, Position, Sort};

/// A page of products.
pub(super) async fn list(
    db: &Database,
    filter: &Filter,
    after: Option<Position>,
    limit: u32,
) -> Result<Vec<Listed>, StoreError> {
    let products = db.collection::<ProductRow>(PRODUCT);
    let page = async {
        let page = products
            .find(matching(filter, after))
            .sort(order(filter.sort));
        let page = page.limit(i64::from(limit)).projection(shown());
        page.await?.try_collect::<Vec<ProductRow>>().await
    };
    let page = db.run(page).await?.into_iter();
    page.map(ProductRow::listed).collect()
}

/// What a page is ordered by.
pub(super) fn order(sort: Sort) -> Document {
    match sort {
        Sort::Newest => doc! { "newest": -1 },
        Sort::Price => doc! { "cheapest": 1 },
        Sort::PriceDescending => doc! { "cheapest": -1 },
    }
}

/// Which products are on a page.
pub(super) fn matching(filter: &Filter, after: Option<Position>) -> Document {
    let mut matching = doc! {
        "status": filter.status.map_or_else(
            || doc! { "$in": [status_text(ProductStatus::Active), status_text(ProductStatus::Archived)] }.into(),
            |status| Bson::from(status_text(status)),
        ),
        "in_stock": filter.in_stock.map_or_else(|| doc! { "$in": [true, false] }.into(), Bson::from),
    };
    if let Some(category) = &filter.category {
        matching.insert("category", category);
    }
    // More than one condition on a field; a product has many words, and one of them must lie between both bounds.
    let mut all = Vec::new();
    if let Some(price) = filter.price_min {
        all.push(doc! { "cheapest": { "$gte": price_key(price, "") } });
    }
    if let Some(price) = filter.price_max {
        all.push(doc! { "cheapest": { "$lt": price_key(price.saturating_add(1), "") } });
    }
    for (name, value) in &filter.attributes {
        all.push(doc! { "found_by": attribute(name, value) });
    }
    for word in &filter.words {
        let begins = doc! { "$gte": word, "$lt": after_prefix(word) };
        all.push(doc! { "words": { "$elemMatch": begins } });
    }
    if let Some((value, id)) = after {
        let id = id.to_string();
        all.push(match filter.sort {
            Sort::Newest => doc! { "newest": { "$lt": { "at": value, "id": id } } },
            Sort::Price => doc! { "cheapest": { "$gt": price_key(value, &id) } },
            Sort::PriceDescending => doc! { "cheapest": { "$lt": price_key(value, &id) } },
        });
    }
    if !all.is_empty() {
        matching.insert("$and", all);
    }
    matching
}

fn price_key(amount: i64, id: &str) -> Document {
    doc! { "amount": amount, "id": id }
}

/// The shelves that hold active products: counted in the keys of an index, without a look at a product.
pub(super) async fn categories(db: &Database) -> Result<Vec<CategoryCount>, StoreError> {
    #[derive(Deserialize)]
    struct Counted {
        #[serde(rename = "_id")]
        name: String,
        products: u64,
    }
    let products = db.collection::<Document>(PRODUCT);
    let counted = async {
        let along = Hint::Name(COUNTED_ALONG.to_owned());
        let counted = products.aggregate(counting()).hint(along);
        let counted = counted.with_type::<Counted>().await?;
        counted.try_collect::<Vec<_>>().await
    };
    let counted = db.run(counted).await?.into_iter();
    Ok(counted
        .map(|Counted { name, products }| CategoryCount { name, products })
        .collect())
}

/// The index whose keys say all that [`counting`] asks.
pub(super) const COUNTED_ALONG: &str = "product_category_newest";

pub(super) fn counting() -> [Document; 3] {
    [
        doc! { "$match": {
            "status": status_text(ProductStatus::Active),
            "category": { "$gt": "" },
            "in_stock": { "$in": [true, false] },
        } },
        doc! { "$group": { "_id": "$category", "products": { "$sum": 1_i64 } } },
        doc! { "$sort": { "_id": 1 } },
    ]
}
