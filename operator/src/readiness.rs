//! Whether the operator does what it is there for, for `/readyz`: the API server answers, and who works knows all that there is.
//! Nothing is asked for that: the lease is asked for all the time anyway.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use service_kit::Health;

/// How long ago the API server may have answered last. The lease is asked for every two seconds.
const SILENCE: Duration = Duration::from_secs(10);

/// What is known of it. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    answered: Option<Instant>,
    /// Why the API server did not answer last.
    reason: Option<String>,
    /// Watches that have not brought yet what there is: none of who waits for its turn.
    incomplete: usize,
}

impl Readiness {
    /// The API server answered, or this is why it did not.
    pub fn asked(&self, answer: Result<(), String>) {
        self.with(|state| match answer {
            Ok(()) => (state.answered, state.reason) = (Some(Instant::now()), None),
            Err(reason) => state.reason = Some(reason),
        });
    }

    /// So many watches have not brought yet what there is.
    pub fn waits_for(&self, watches: usize) {
        self.with(|state| state.incomplete = watches);
    }

    /// Has `/readyz` tell it.
    pub fn report_to(&self, health: &Health) {
        let readiness = self.clone();
        health.check("kubernetes", move || std::future::ready(readiness.check()));
    }

    fn check(&self) -> Result<(), String> {
        self.with(|state| {
            if state.answered.is_none_or(|at| at.elapsed() > SILENCE) {
                let reason = state.reason.as_deref().unwrap_or("it was not asked yet");
                return Err(format!("the API server does not answer: {reason}"));
            }
            match state.incomplete {
                0 => Ok(()),
                some => Err(format!("{some} watches have not brought yet what there is")),
            }
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_is_ready_when_the_api_server_answers_and_who_works_when_all_is_known() {
        let readiness = Readiness::default();
        let silent = |reason: &str| Err(format!("the API server does not answer: {reason}"));
        assert_eq!(readiness.check(), silent("it was not asked yet"));
        readiness.asked(Err("refused".to_owned()));
        assert_eq!(readiness.check(), silent("refused"));
        readiness.asked(Ok(()));
        assert_eq!(readiness.check(), Ok(()), "it waits");
        readiness.asked(Err("a moment".to_owned()));
        assert_eq!(readiness.check(), Ok(()), "it answered a moment ago");
        readiness.waits_for(2);
        assert_eq!(
            readiness.check(),
            Err("2 watches have not brought yet what there is".to_owned())
        );
        readiness.waits_for(0);
        assert_eq!(readiness.check(), Ok(()));
    }
}
