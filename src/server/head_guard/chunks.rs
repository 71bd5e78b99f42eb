//! Follows a chunked body (RFC 9112 §7.1), as strictly as hyper decodes it.

/// How far a chunked body is.
#[derive(Debug)]
pub(super) struct Chunks {
    state: State,
    left: u64,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// The first digit of a size.
    Start,
    Size,
    Space,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// The first byte of a trailer line, or of the end.
    EndCr,
    Trailer,
    TrailerLf,
    EndLf,
}

/// What a step led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// More is to come.
    More,
    /// The body is over.
    End,
    /// This is no chunked body; hyper reads no further either.
    Broken,
}

impl Chunks {
    pub(super) const fn new() -> Self {
        Self { state: State::Start, left: 0 }
    }

    /// Follows the bytes; returns how many belong to the body, and what comes.
    pub(super) fn follow(&mut self, bytes: &[u8]) -> (usize, Step) {
        let mut used = 0;
        while let Some(&byte) = bytes.get(used) {
            if matches!(self.state, State::Data) {
                let here = bytes.len() - used;
                let here = usize::try_from(self.left).unwrap_or(here).min(here);
                self.left -= u64::try_from(here).unwrap_or(self.left);
                used += here;
                if self.left == 0 {
                    self.state = State::DataCr;
                }
                continue;
            }
            used += 1;
            self.state = match self.next(byte) {
                Ok(Some(state)) => state,
                Ok(None) => return (used, Step::End),
                Err(Broken) => return (used, Step::Broken),
            };
        }
        (used, Step::More)
    }

    /// The state after one byte outside of data; `None` after the last one.
    fn next(&mut self, byte: u8) -> Result<Option<State>, Broken> {
        let state = match (self.state, byte) {
            (State::Start | State::Size, byte) if byte.is_ascii_hexdigit() => {
                let digit = char::from(byte).to_digit(16).map(u64::from).ok_or(Broken)?;
                let left = self.left.checked_mul(16).and_then(|left| left.checked_add(digit));
                self.left = left.ok_or(Broken)?;
                State::Size
            }
            (State::Size | State::Space, b' ' | b'\t') => State::Space,
            (State::Size | State::Space, b';') => State::Extension,
            (State::Size | State::Space | State::Extension, b'\r') => State::SizeLf,
            (State::Extension, byte) if byte != b'\n' => State::Extension,
            (State::SizeLf, b'\n') if self.left == 0 => State::EndCr,
            (State::SizeLf, b'\n') => State::Data,
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::Start,
            (State::EndCr, b'\r') => State::EndLf,
            (State::Trailer, b'\r') => State::TrailerLf,
            (State::EndCr | State::Trailer, _) => State::Trailer,
            (State::TrailerLf, b'\n') => State::EndCr,
            (State::EndLf, b'\n') => return Ok(None),
            (
                State::Start
                | State::Size
                | State::Space
                | State::Extension
                | State::SizeLf
                | State::Data
                | State::DataCr
                | State::DataLf
                | State::TrailerLf
                | State::EndLf,
                _,
            ) => return Err(Broken),
        };
        Ok(Some(state))
    }
}

/// This is no chunked body.
struct Broken;
