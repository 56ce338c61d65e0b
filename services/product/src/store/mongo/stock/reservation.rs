//! What is held or sold for one order: a document of `reservation`.

use contracts::events::stock::StockLine;
use contracts::{OrderId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::domain::reservation::State;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::store::mongo) struct Reservation {
    #[serde(rename = "_id")]
    pub(in crate::store::mongo) order_id: OrderId,
    #[serde(with = "state_text")]
    pub(in crate::store::mongo) state: State,
    pub(in crate::store::mongo) version: u64,
    /// When the order is asked about a hold, in milliseconds since 1970; absent if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ask_at: Option<i64>,
    asked: u32,
    created_at: i64,
    updated_at: i64,
    /// What is held or sold now, by sku; empty when it is released.
    pub(in crate::store::mongo) lines: Vec<StockLine>,
}

impl Reservation {
    /// The first that is heard of an order.
    pub(in crate::store::mongo) fn new(order_id: OrderId, state: State, now: Timestamp) -> Self {
        Self {
            order_id,
            state,
            version: 0,
            ask_at: None,
            asked: 0,
            created_at: now.unix_millis(),
            updated_at: now.unix_millis(),
            lines: Vec::new(),
        }
    }

    /// Goes on to a state.
    pub(in crate::store::mongo) fn become_state(
        &mut self,
        state: State,
        ask_at: Option<Timestamp>,
        now: Timestamp,
    ) {
        self.state = state;
        self.version += 1;
        self.ask_at = ask_at.map(Timestamp::unix_millis);
        self.updated_at = now.unix_millis();
    }
}

mod state_text {
    use std::borrow::Cow;

    use serde::{Deserialize, Deserializer, Serializer};

    use crate::domain::reservation::State;

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde asks for this signature"
    )]
    pub(super) fn serialize<S: Serializer>(
        state: &State,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(state.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<State, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        State::from_text(&text).ok_or_else(|| {
            serde::de::Error::custom(format!("`{text}` is not a state of a reservation"))
        })
    }
}
