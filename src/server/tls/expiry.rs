//! When a certificate ends: the one field of X.509 that is read here.

use std::time::{Duration, SystemTime};

/// The `notAfter` of a certificate (RFC 5280 §4.1); `None` when it cannot be found.
///
/// It is for a metric: nothing is decided by it.
pub(super) fn not_after(certificate: &[u8]) -> Option<SystemTime> {
    /// DER tags.
    const SEQUENCE: u8 = 0x30;
    const VERSION: u8 = 0xa0;
    let (_, certificate, _) = element(certificate).filter(|(tag, ..)| *tag == SEQUENCE)?;
    let (_, mut fields, _) = element(certificate).filter(|(tag, ..)| *tag == SEQUENCE)?;
    if let Some((VERSION, _, rest)) = element(fields) {
        fields = rest;
    }
    // The serial number, the signature's algorithm and the issuer stand in front of the validity.
    for _ in 0..3 {
        (_, _, fields) = element(fields)?;
    }
    let (_, validity, _) = element(fields).filter(|(tag, ..)| *tag == SEQUENCE)?;
    let (_, _, after) = element(validity)?;
    let (tag, text, _) = element(after)?;
    time(tag, std::str::from_utf8(text).ok()?)
}

/// Splits one DER element off: its tag, its content, and what follows.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], mut rest) = bytes.split_first_chunk()?;
    let mut length = usize::from(first);
    if first & 0x80 != 0 {
        let (digits, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if digits.len() > 4 {
            return None;
        }
        length = digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit));
        rest = after;
    }
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// A `UTCTime` or a `GeneralizedTime`, both in UTC with seconds (RFC 5280 §4.1.2.5).
fn time(tag: u8, text: &str) -> Option<SystemTime> {
    const UTC: u8 = 0x17;
    const GENERALIZED: u8 = 0x18;
    let text = text.strip_suffix('Z')?;
    let (year, rest) = match tag {
        UTC => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: i16 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    let part = |at: usize| rest.get(at..at + 2)?.parse::<i8>().ok();
    let date =
        jiff::civil::DateTime::new(year, part(0)?, part(2)?, part(4)?, part(6)?, part(8)?, 0);
    let seconds = date.ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second();
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(year: i32, expected: &str) {
        let mut parameters = rcgen::CertificateParams::new(vec!["hub".into()]).unwrap();
        parameters.not_after = rcgen::date_time_ymd(year, 3, 4);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        let ends_at = not_after(certificate.der()).unwrap();
        assert_eq!(jiff::Timestamp::try_from(ends_at).unwrap().to_string(), expected);
    }

    #[test]
    fn the_end_of_a_certificate_is_read() {
        check(2031, "2031-03-04T00:00:00Z");
        check(2055, "2055-03-04T00:00:00Z");
    }

    #[test]
    fn what_is_no_certificate_has_no_end() {
        for bytes in [&b""[..], b"\x30", b"\x30\x80", b"\x30\x03\x02\x01\x01", &[0x30; 40]] {
            assert_eq!(not_after(bytes), None);
        }
    }
}
