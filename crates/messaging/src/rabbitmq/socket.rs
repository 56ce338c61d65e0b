//! The way to end a connection that does not answer.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};

/// A second hand on the socket of a connection. lapin's own thread waits for ever for a broker that falls silent during
/// the welcome, and keeps what cannot be sent while the broker blocks; cutting the socket beneath ends both.
#[derive(Clone, Default)]
pub(super) struct Socket(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    stream: Option<TcpStream>,
    given_up: bool,
}

impl Socket {
    /// Remembers the socket; refused if the connection was given up meanwhile.
    pub(super) fn keep(&self, stream: &impl AsFd) -> io::Result<()> {
        let stream = TcpStream::from(stream.as_fd().try_clone_to_owned()?);
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.given_up {
            return Err(io::ErrorKind::TimedOut.into());
        }
        state.stream = Some(stream);
        Ok(())
    }

    /// Ends the connection at once. The broker gives back what was not acknowledged.
    pub(super) fn cut(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.given_up = true;
        if let Some(stream) = state.stream.take() {
            // An error says that it had ended before.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// Cuts the connection when dropped.
pub(super) struct CutOnDrop(pub(super) Socket);

impl Drop for CutOnDrop {
    fn drop(&mut self) {
        self.0.cut();
    }
}
