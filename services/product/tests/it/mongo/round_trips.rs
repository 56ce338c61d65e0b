//! What a message about stock costs on MongoDB.

use contracts::Clock as _;
use futures_util::stream::TryStreamExt as _;
use mongo_store::mongodb::bson::{Document, doc};
use product::store::StockCommand;

use super::{Place, in_a_database};
use crate::contract::{Fixture, order};

/// What one message about stock makes the server do, without the commit that follows.
async fn operations(
    place: &Place,
    fixture: &Fixture,
    id: &str,
    command: StockCommand,
) -> Vec<String> {
    let profile = place.db.collection::<Document>("system.profile");
    let noted = async || {
        let ours = doc! { "ns": { "$not": { "$regex": "system\\.profile$" } } };
        let noted = profile.find(ours).sort(doc! { "$natural": 1 }).await;
        noted.unwrap().try_collect::<Vec<_>>().await.unwrap()
    };
    let before = noted().await.len();
    fixture.hear(id, command).await;
    let database = format!("{}.", place.db.mongo().name());
    let noted = noted().await;
    let new = noted.iter().skip(before).map(|operation| {
        let text = |key| operation.get_str(key).unwrap();
        let place = text("ns").strip_prefix(&database).unwrap();
        format!("{} {place}", text("op"))
    });
    new.collect()
}

#[tokio::test]
async fn an_order_costs_few_round_trips() {
    let (fixture, place) = in_a_database().await;
    fixture.product("MUG", 9).await;
    place.db.watch_plans().await.unwrap();
    let order = order(fixture.clock.now(), &[("MUG", 1)], 1_000);
    let id = order.order_id;
    let placed = StockCommand::Hold(order);
    let held = operations(&place, &fixture, "h", placed.clone()).await;
    let reads = ["update inbox", "command $cmd.aggregate"];
    let writes = ["update inventory", "update reservation"];
    let tells = ["insert outbox"];
    assert_eq!(held, [&reads[..], &writes, &tells].concat());
    let again = operations(&place, &fixture, "h", placed).await;
    assert_eq!(again, ["update inbox"]);
    let confirmed = operations(&place, &fixture, "c", StockCommand::Commit(id)).await;
    assert_eq!(confirmed, [&reads[..], &writes].concat());
    let released = operations(&place, &fixture, "r", StockCommand::Release(id)).await;
    assert_eq!(released, [&reads[..], &writes, &tells].concat());
}
