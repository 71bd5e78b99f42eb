//! Writing numbers, times and foreign text into a line, without allocating.

use std::io::Write as _;
use std::net::IpAddr;
use std::time::SystemTime;

use crate::lanes::are_printable;

/// Escapes what could end a JSON string, a line, or an escape sequence: everything but printable
/// ASCII is written as `\uXXXX` (RFC 8259 §7), beyond the basic plane as two of them.
pub(super) fn escape(text: &str, line: &mut Vec<u8>) {
    if are_printable(text.as_bytes(), [b'"', b'\\']) {
        line.extend_from_slice(text.as_bytes());
        return;
    }
    let plain = |b: u8| (b' '..=b'~').contains(&b) && b != b'"' && b != b'\\';
    for c in text.chars() {
        match u8::try_from(c) {
            Ok(b) if plain(b) => line.push(b),
            Ok(b @ (b'"' | b'\\')) => line.extend_from_slice(&[b'\\', b]),
            Ok(_) | Err(_) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing into a vector cannot fail.
                    let _ = write!(line, "\\u{unit:04x}");
                }
            }
        }
    }
}

/// Writes what needs no escaping by what it is: ids, and methods (RFC 9110 §5.6.2, `token`).
pub(super) fn plain(text: &str, line: &mut Vec<u8>) {
    debug_assert!(are_printable(text.as_bytes(), [b'"', b'\\']), "{text:?} has to be escaped");
    line.extend_from_slice(text.as_bytes());
}

/// How many digits the largest number has.
const DIGITS: usize = 20;

/// A number in decimal.
pub(super) fn decimal(number: u64, line: &mut Vec<u8>) {
    if let Ok(digit @ 0..10) = u8::try_from(number) {
        return line.push(b'0' + digit);
    }
    padded(number, 1, line);
}

/// A number in decimal, with zeros in front up to `width`.
pub(super) fn padded(mut number: u64, width: usize, line: &mut Vec<u8>) {
    let mut digits = [b'0'; DIGITS];
    let mut start = DIGITS;
    for (place, digit) in digits.iter_mut().enumerate().rev() {
        if number == 0 && DIGITS - start >= width {
            break;
        }
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
        start = place;
    }
    line.extend_from_slice(digits.get(start..).unwrap_or_default());
}

/// The last three digits of a number.
pub(super) fn three(number: u64, line: &mut Vec<u8>) {
    let digit = |place: u64| b'0' + u8::try_from(number / place % 10).unwrap_or_default();
    line.extend_from_slice(&[digit(100), digit(10), digit(1)]);
}

/// Bytes in lower-case hexadecimal digits.
pub(super) fn hexadecimal(bytes: &[u8], line: &mut Vec<u8>) {
    let digit = |half: u8| if half < 10 { b'0' + half } else { b'a' + half - 10 };
    for byte in bytes {
        line.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
}

/// An address as text.
pub(super) fn address(address: IpAddr, line: &mut Vec<u8>) {
    match address {
        IpAddr::V4(v4) => {
            for (index, octet) in v4.octets().into_iter().enumerate() {
                if index > 0 {
                    line.push(b'.');
                }
                if octet >= 100 {
                    line.push(b'0' + octet / 100);
                }
                if octet >= 10 {
                    line.push(b'0' + octet / 10 % 10);
                }
                line.push(b'0' + octet % 10);
            }
        }
        IpAddr::V6(v6) => {
            // Writing into a vector cannot fail.
            let _ = write!(line, "{v6}");
        }
    }
}

/// The text of the last second that was written: most lines of a thread share it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Second {
    second: u64,
    text: [u8; 20],
}

impl Default for Second {
    fn default() -> Self {
        Self { second: 0, text: *b"1970-01-01T00:00:00." }
    }
}

impl Second {
    /// Writes a time as RFC 3339, in UTC with milliseconds.
    pub(super) fn write(&mut self, at: SystemTime, line: &mut Vec<u8>) {
        let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        if since.as_secs() != self.second {
            self.second = since.as_secs();
            self.text = civil(since.as_secs());
        }
        line.extend_from_slice(&self.text);
        three(since.subsec_millis().into(), line);
        line.push(b'Z');
    }
}

/// The date and time of a second since 1970, by the proleptic Gregorian calendar
/// (days to civil date as in Howard Hinnant's `chrono` algorithms).
fn civil(second: u64) -> [u8; 20] {
    let (days, rest) = (second / 86_400 + 719_468, second % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let mut text = Vec::with_capacity(20);
    padded(year % 10_000, 4, &mut text);
    for (mark, number) in
        [(b'-', month), (b'-', day), (b'T', rest / 3600), (b':', rest / 60 % 60), (b':', rest % 60)]
    {
        text.push(mark);
        padded(number, 2, &mut text);
    }
    text.push(b'.');
    text.try_into().unwrap_or(*b"1970-01-01T00:00:00.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_time_is_written_as_rfc_3339() {
        let mut second = Second::default();
        for stamp in [0, 1, 68_169_600, 951_782_399, 951_868_800, 1_735_689_599, 4_102_444_800] {
            let at = SystemTime::UNIX_EPOCH + Duration::from_millis(stamp * 1000 + 7);
            let mut line = Vec::new();
            second.write(at, &mut line);
            let expected = jiff::Timestamp::try_from(at).unwrap();
            assert_eq!(String::from_utf8(line).unwrap(), format!("{expected:.3}"));
        }
    }

    #[test]
    fn numbers_and_addresses_are_written_as_people_write_them() {
        let mut line = Vec::new();
        for number in [0, 7, 10, u64::MAX] {
            decimal(number, &mut line);
            line.push(b' ');
        }
        padded(42, 3, &mut line);
        line.push(b' ');
        address(IpAddr::from([192, 0, 2, 255]), &mut line);
        assert_eq!(line, b"0 7 10 18446744073709551615 042 192.0.2.255");
    }
}
