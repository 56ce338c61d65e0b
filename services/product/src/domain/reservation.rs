//! The state machine of one order's stock: pure, and final where `events.md` says so.

/// Where an order's stock stands. An order that was never heard of has no state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// All its lines are reserved.
    Held,
    /// All its lines are sold.
    Committed,
    /// It was refused.
    Rejected,
    /// It was given back. Final.
    Released,
    /// It was cancelled before anything was held. Final: a late `order.placed` is refused.
    Tombstone,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 5] = [
        Self::Held,
        Self::Committed,
        Self::Rejected,
        Self::Released,
        Self::Tombstone,
    ];

    /// Its text in stores.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Committed => "committed",
            Self::Rejected => "rejected",
            Self::Released => "released",
            Self::Tombstone => "tombstone",
        }
    }

    /// The state with this text.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// What an order tells its stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// `order.placed`.
    Placed,
    /// `order.confirmed`.
    Confirmed,
    /// `order.cancel_requested`.
    CancelRequested,
    /// `order.returned`.
    Returned,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Reserve all lines or none, and answer.
    TryHold,
    /// Reserved becomes sold.
    Commit,
    /// Reserved becomes available; answer `released`.
    ReleaseHeld,
    /// Sold becomes available; answer `released`.
    ReleaseSold,
    /// Remember that it was cancelled before anything was held; answer `nothing_held`.
    Bury,
    /// Answer `nothing_held` again.
    NothingHeld,
    /// The returned pieces of what was sold become available; answer `restocked`.
    Restock,
    /// The returned pieces of what is held become available, the rest is sold; answer `restocked`. An order that comes
    /// back was confirmed, even if that is heard later.
    CommitAndRestock,
    /// Stale or repeated: do nothing.
    Ignore,
}

/// What an input does in a state.
#[must_use]
pub fn step(state: Option<State>, input: Input) -> Step {
    match (input, state) {
        (Input::Placed, None) => Step::TryHold,
        (Input::Confirmed, Some(State::Held)) => Step::Commit,
        (Input::CancelRequested, Some(State::Held)) => Step::ReleaseHeld,
        (Input::CancelRequested, Some(State::Committed)) => Step::ReleaseSold,
        (Input::CancelRequested, None | Some(State::Rejected)) => Step::Bury,
        (Input::CancelRequested, Some(State::Released | State::Tombstone)) => Step::NothingHeld,
        (Input::Returned, Some(State::Committed)) => Step::Restock,
        (Input::Returned, Some(State::Held)) => Step::CommitAndRestock,
        (Input::Placed, Some(_)) | (Input::Confirmed | Input::Returned, _) => Step::Ignore,
    }
}

#[cfg(test)]
mod tests;
