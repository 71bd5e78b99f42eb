//! Several bytes looked at in one go: thirty-two at a time, in loops that compilers make wide.

const ONES: u64 = 0x0101_0101_0101_0101;

/// How many bytes are looked at in one go.
const WIDE: usize = 32;

const fn is_control(byte: u8) -> bool {
    (byte < b' ') | (byte == 0x7f)
}

/// Where the first control character stands, a tab among them (RFC 5234 appendix B.1, CTL).
#[must_use]
pub fn first_control(bytes: &[u8]) -> Option<usize> {
    let (mut rest, mut at) = (bytes, 0);
    while let Some((block, behind)) = rest.split_first_chunk::<WIDE>() {
        if block.iter().fold(false, |any, b| any | is_control(*b)) {
            break;
        }
        (rest, at) = (behind, at + WIDE);
    }
    while let Some((word, behind)) = rest.split_first_chunk::<8>() {
        let found = controls(u64::from_le_bytes(*word));
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        (rest, at) = (behind, at + word.len());
    }
    rest.iter().position(|b| is_control(*b)).map(|place| at + place)
}

/// Whether every byte is printable ASCII, a blank among them, and none is one of these two.
#[must_use]
pub fn are_printable(bytes: &[u8], but: [u8; 2]) -> bool {
    let [one, other] = but;
    let odd = |b: u8| !(b' '..=b'~').contains(&b) | (b == one) | (b == other);
    let all = |bytes: &[u8]| !bytes.iter().fold(false, |any, b| any | odd(*b));
    let (blocks, rest) = bytes.as_chunks::<WIDE>();
    // The rest once more with what stands before it, or alone.
    let rest = bytes.last_chunk::<WIDE>().map_or(rest, |last| last.as_slice());
    blocks.iter().all(|block| all(block)) && all(rest)
}

/// The highest bits of the bytes that are control characters. Below a byte that is found, nothing is
/// found by mistake.
const fn controls(word: u64) -> u64 {
    let delete = word ^ (ONES * 0x7f);
    let below = word.wrapping_sub(ONES * b' ' as u64) & !word;
    (below | delete.wrapping_sub(ONES) & !delete) & (ONES << 7)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts with one byte of each kind at each place, and others behind it.
    fn texts() -> impl Iterator<Item = Vec<u8>> {
        let places = (0..40_usize).flat_map(|length| (0..length).map(move |at| (length, at)));
        places.flat_map(|(length, at)| {
            (0..=u8::MAX).flat_map(move |byte| {
                [b'a', 0, 0x1f, 0x7f, 0x80, 0xff].map(|behind| {
                    let mut text = vec![b'a'; length];
                    text[at] = byte;
                    text[at + 1..].fill(behind);
                    text
                })
            })
        })
    }

    #[test]
    fn the_first_control_character_is_found_wherever_it_stands() {
        assert_eq!(first_control(b""), None);
        for text in texts() {
            let expected = text.iter().position(u8::is_ascii_control);
            assert_eq!(first_control(&text), expected, "{text:?}");
        }
    }

    #[test]
    fn every_byte_is_looked_at_to_see_whether_all_are_printable() {
        assert!(are_printable(b"", [b'#', b'"']));
        for text in texts() {
            let printable = |b: &u8| (b' '..=b'~').contains(b) && !matches!(b, b'#' | b'"');
            let expected = text.iter().all(printable);
            assert_eq!(are_printable(&text, [b'#', b'"']), expected, "{text:?}");
        }
    }
}
