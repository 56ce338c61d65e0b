//! What was looked at, done, and not done.

use std::error::Error;
use std::future::Future;

use serde::Serialize;
use service_kit::error_chain;

use crate::output::progress;

/// What became of one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It was as it should be.
    Unchanged,
    /// It is now.
    Changed,
    /// It would be changed.
    WouldChange,
    /// It could not be.
    Failed,
}

impl State {
    /// For people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Changed => "changed",
            Self::WouldChange => "would change",
            Self::Failed => "failed",
        }
    }
}

/// One thing on a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The server.
    pub server: &'static str,
    /// What it is, in the words of a state: `role "order" may sign in`.
    pub thing: String,
    /// What became of it.
    pub state: State,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} {}", self.server, self.state.as_str(), self.thing)?;
        match &self.error {
            Some(error) => write!(f, ": {error}"),
            None => Ok(()),
        }
    }
}

/// The rest cannot be done; why is in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;

/// All things, in the order in which they were looked at.
#[derive(Debug, Serialize)]
pub struct Journal {
    dry_run: bool,
    steps: Vec<Step>,
    /// What failed the last time.
    #[serde(skip)]
    known: Vec<Step>,
}

impl Journal {
    /// An empty one. In a dry run nothing is changed.
    pub(super) fn new(dry_run: bool) -> Self {
        Self {
            dry_run,
            steps: Vec::new(),
            known: Vec::new(),
        }
    }

    /// An empty one for another try, which does not tell again at once what failed in the same way before.
    #[must_use]
    pub(super) fn again(&self) -> Self {
        let failed = self.steps.iter();
        let failed = failed.filter(|step| step.state == State::Failed);
        Self {
            dry_run: self.dry_run,
            steps: Vec::new(),
            known: failed.cloned().collect(),
        }
    }

    /// Whether nothing is to be changed.
    #[must_use]
    pub fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// All steps.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// How many things came to this.
    #[must_use]
    pub fn count(&self, state: State) -> usize {
        self.steps.iter().filter(|step| step.state == state).count()
    }

    /// Makes a thing so, if it is not.
    pub(super) async fn ensure<E: Error + 'static>(
        &mut self,
        server: &'static str,
        thing: String,
        is_so: bool,
        change: impl Future<Output = Result<(), E>>,
    ) -> Result<(), Stopped> {
        let state = match (is_so, self.dry_run) {
            (true, _) => State::Unchanged,
            (false, true) => State::WouldChange,
            (false, false) => match change.await {
                Ok(()) => State::Changed,
                Err(error) => return Err(self.failed(server, thing, &error)),
            },
        };
        self.push(server, thing, state, None);
        Ok(())
    }

    /// Hands on what was found, unless looking failed.
    pub(super) fn looked<T, E: Error + 'static>(
        &mut self,
        server: &'static str,
        thing: &str,
        found: Result<T, E>,
    ) -> Result<T, Stopped> {
        found.map_err(|error| self.failed(server, thing.to_owned(), &error))
    }

    /// A thing that cannot be made so.
    pub(super) fn failed(
        &mut self,
        server: &'static str,
        thing: String,
        error: &(dyn Error + 'static),
    ) -> Stopped {
        self.push(server, thing, State::Failed, Some(error_chain(error)));
        Stopped
    }

    /// Told at once as well: if the process is killed, what it did is known.
    fn push(&mut self, server: &'static str, thing: String, state: State, error: Option<String>) {
        let step = Step {
            server,
            thing,
            state,
            error,
        };
        if matches!(state, State::Changed | State::Failed) && !self.known.contains(&step) {
            progress(&step.to_string());
        }
        self.steps.push(step);
    }
}
