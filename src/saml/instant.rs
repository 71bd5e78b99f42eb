//! Times as SAML writes them: `xs:dateTime` (Core §1.3.3).

use std::time::{Duration, SystemTime};

use super::Refusal;

/// Parses `2026-07-03T12:00:00.123Z`; an offset in the place of `Z` is understood, no zone at all
/// is refused. What is finer than a second is dropped.
pub(crate) fn parse(text: &str) -> Result<SystemTime, Refusal> {
    read(text.trim_matches(|c: char| c.is_ascii_whitespace())).ok_or(Refusal::TimeMalformed)
}

fn read(text: &str) -> Option<SystemTime> {
    let (date, rest) = text.split_at_checked(10)?;
    let (time, rest) = rest.strip_prefix('T')?.split_at_checked(8)?;
    let [year, month, day] = fields(date, '-')?;
    let [hour, minute, second] = fields(time, ':')?;
    let zone = match rest.strip_prefix('.') {
        None => rest,
        Some(fraction) => {
            let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            if zone.len() == fraction.len() {
                return None;
            }
            zone
        }
    };
    let seconds = civil(year, month, day, hour, minute, second)? - offset(zone)?;
    from_unix(seconds)
}

/// Three numbers of two digits, the first of which may have four.
fn fields(text: &str, separator: char) -> Option<[i64; 3]> {
    let mut parts = text.split(separator).map(|part| {
        let digits = matches!(part.len(), 2 | 4) && part.bytes().all(|byte| byte.is_ascii_digit());
        if digits { part.parse().ok() } else { None }
    });
    let fields = [parts.next()??, parts.next()??, parts.next()??];
    if parts.next().is_none() { Some(fields) } else { None }
}

/// Seconds east of UTC.
fn offset(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let (sign, rest) = zone.split_at_checked(1)?;
    let (hours, minutes) = rest.split_once(':')?;
    let number = |part: &str| {
        let digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        if digits { part.parse::<i64>().ok() } else { None }
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    if hours > 14 || minutes > 59 {
        return None;
    }
    let seconds = hours * 3600 + minutes * 60;
    match sign {
        "+" => Some(seconds),
        "-" => Some(-seconds),
        _ => None,
    }
}

/// Seconds since 1970 of a date and time of the Gregorian calendar in UTC.
pub(crate) fn civil(
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    let valid = (1..=9999).contains(&year)
        && (1..=days).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..60).contains(&second);
    if !valid {
        return None;
    }
    // Years that begin in March end with the leap day.
    let shifted = if month > 2 { year } else { year - 1 };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = 365 * shifted + shifted.div_euclid(4) - shifted.div_euclid(100)
        + shifted.div_euclid(400)
        + day_of_year
        - 719_468;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

/// The time that lies `seconds` after 1970.
pub(crate) fn from_unix(seconds: i64) -> Option<SystemTime> {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(distance)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(distance)
    }
}

/// Writes a time in UTC, to the second.
pub(crate) fn format(time: SystemTime) -> String {
    let timestamp = jiff::Timestamp::try_from(time).unwrap_or(jiff::Timestamp::MAX);
    timestamp.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, seconds: Option<i64>) {
        assert_eq!(parse(text).ok(), seconds.and_then(from_unix), "{text}");
    }

    #[test]
    fn a_time_with_a_zone_is_read() {
        check("1970-01-01T00:00:00Z", Some(0));
        check("1969-12-31T23:59:59Z", Some(-1));
        check("2026-07-03T12:34:56Z", Some(1_783_082_096));
        check("2026-07-03T12:34:56.7891234Z", Some(1_783_082_096));
        check("2026-07-03T14:34:56+02:00", Some(1_783_082_096));
        check("2026-07-03T08:04:56.1-04:30", Some(1_783_082_096));
        check(" 2024-02-29T00:00:00Z\n", Some(1_709_164_800));
        check("9999-12-31T23:59:59Z", Some(253_402_300_799));
    }

    #[test]
    fn a_time_without_a_zone_or_with_a_second_reading_is_refused() {
        for text in [
            "",
            "2026-07-03T12:34:56+01:60",
            "now",
            "2026-07-03",
            "2026-07-03T12:34:56",
            "2026-07-03 12:34:56Z",
            "2026-07-03T12:34:56z",
            "2026-07-03T12:34Z",
            "2026-7-03T12:34:56Z",
            "2026-13-03T12:34:56Z",
            "2026-02-29T12:34:56Z",
            "2026-00-10T12:34:56Z",
            "2026-07-03T24:00:00Z",
            "2026-07-03T12:60:00Z",
            "2026-07-03T12:34:60Z",
            "2026-07-03T12:34:56.Z",
            "2026-07-03T12:34:56.1",
            "2026-07-03T12:34:56+0200",
            "2026-07-03T12:34:56+15:00",
            "-026-07-03T12:34:56Z",
            "12026-07-03T12:34:56Z",
            "2026-07-03T12:34:56Z Z",
            "２０２６-07-03T12:34:56Z",
            "0000-01-01T00:00:00Z",
            "1e26-07-03T12:34:56Z",
            "2026-07-03T+1:34:56Z",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for seconds in [0, 951_782_400, 1_783_082_096, 4_102_444_800] {
            let time = from_unix(seconds).unwrap();
            assert_eq!(parse(&format(time)), Ok(time));
        }
    }
}
