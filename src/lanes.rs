//! Eight bytes looked at in one go: for each question, the bytes that it holds for have their highest
//! bit set in the answer. Below a byte that is found, nothing is found by mistake.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = ONES << 7;

/// Which bytes are control characters, a tab among them (RFC 5234 appendix B.1, CTL).
#[must_use]
pub const fn controls(word: u64) -> u64 {
    below(word, b' ') | equal(word, 0x7f)
}

/// Which bytes are no printable ASCII.
#[must_use]
pub const fn odd(word: u64) -> u64 {
    controls(word) | word & HIGHS
}

/// Which bytes are less than this one, which is ASCII.
#[must_use]
pub const fn below(word: u64, byte: u8) -> u64 {
    word.wrapping_sub(ONES * byte as u64) & !word & HIGHS
}

/// Which bytes are this one, which is ASCII.
#[must_use]
pub const fn equal(word: u64, byte: u8) -> u64 {
    below(word ^ (ONES * byte as u64), 1)
}

/// Where the first byte stands that is found.
#[must_use]
pub fn first(bytes: &[u8], find: impl Fn(u64) -> u64) -> Option<usize> {
    let mut rest = bytes;
    let mut at = 0;
    while let Some((eight, behind)) = rest.split_first_chunk::<8>() {
        let found = find(u64::from_le_bytes(*eight));
        if found != 0 {
            return Some(at + place(found));
        }
        (rest, at) = (behind, at + 8);
    }
    // The rest once more with what stands before it, in which nothing was found; or alone.
    let (word, start) = match bytes.last_chunk::<8>() {
        Some(last) => (u64::from_le_bytes(*last), bytes.len() - last.len()),
        None => (rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)), at),
    };
    let found = find(word);
    let at = start + place(found);
    (found != 0 && at < bytes.len()).then_some(at)
}

/// Whether every byte is printable ASCII, and none is one of these two.
#[must_use]
pub fn are_printable(bytes: &[u8], but: [u8; 2]) -> bool {
    let [one, other] = but;
    first(bytes, |word| odd(word) | equal(word, one) | equal(word, other)).is_none()
}

const fn place(found: u64) -> usize {
    (found.trailing_zeros() / 8) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_is_found_wherever_it_stands() {
        for byte in 0..=u8::MAX {
            for length in 0..20 {
                for at in 0..length {
                    for behind in [b'a', 0, 0x1f, 0x7f, 0x80, 0xff] {
                        let mut bytes = vec![b'a'; length];
                        bytes[at] = byte;
                        bytes[at + 1..].fill(behind);
                        let check = |find: fn(u64) -> u64, holds: &dyn Fn(u8) -> bool| {
                            let expected = bytes.iter().position(|b| holds(*b));
                            assert_eq!(first(&bytes, find), expected, "{bytes:?}");
                        };
                        check(controls, &|b| b.is_ascii_control());
                        check(odd, &|b| !(b' '..=b'~').contains(&b));
                        check(|word| equal(word, b'"'), &|b| b == b'"');
                        check(|word| below(word, b'!'), &|b| b <= b' ');
                    }
                }
            }
        }
    }
}
