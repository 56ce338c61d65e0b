//! Finds bytes in a stream that comes in pieces.

/// Looks for a pattern that may begin in one piece and end in a later one.
#[derive(Default)]
pub(super) struct Search {
    /// The end of what came before, shorter than the pattern.
    tail: Vec<u8>,
}

impl Search {
    /// Whether the pattern ends in this piece.
    pub(super) fn found(&mut self, pattern: &[u8], piece: &[u8]) -> bool {
        self.tail.extend_from_slice(piece);
        let found =
            !pattern.is_empty() && self.tail.windows(pattern.len()).any(|part| part == pattern);
        let surplus = (self.tail.len() + 1).saturating_sub(pattern.len());
        self.tail.drain(..surplus.min(self.tail.len()));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::Search;

    fn finds(pieces: &[&str]) -> Vec<bool> {
        let mut search = Search::default();
        pieces
            .iter()
            .map(|piece| search.found(b"COMMIT", piece.as_bytes()))
            .collect()
    }

    #[test]
    fn a_pattern_is_found_once_wherever_the_stream_is_cut() {
        assert_eq!(finds(&["xxCOMMITxx", "x"]), [true, false]);
        assert_eq!(finds(&["xxCOM", "MITxx", "x"]), [false, true, false]);
        assert_eq!(
            finds(&["C", "O", "M", "M", "I", "T"]),
            [false, false, false, false, false, true]
        );
        assert_eq!(finds(&["COMCOMMIT"]), [true]);
        assert_eq!(finds(&["COMMI", "xT"]), [false, false]);
    }
}
