//! Reading `application/x-www-form-urlencoded` (URL Standard §5.1), run by run: forms with SAML
//! messages are large, and are read where requests are answered.

use memchr::memchr2;

/// The names and values of a form, in order, as the `url` crate reads them.
pub(super) fn pairs(form: &[u8]) -> impl Iterator<Item = (String, String)> {
    form.split(|b| *b == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        let at = pair.iter().position(|b| *b == b'=').unwrap_or(pair.len());
        let (name, value) = pair.split_at(at);
        (decode(name), decode(value.get(1..).unwrap_or_default()))
    })
}

/// Decodes `+` and `%`; a `%` without two digits stands for itself, and what is no UTF-8 is replaced.
fn decode(text: &[u8]) -> String {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    loop {
        rest = match rest {
            [] => break,
            [b'+', behind @ ..] => {
                plain.push(b' ');
                behind
            }
            [b'%', behind @ ..] => match behind {
                [high, low, behind @ ..] if digit(*high).is_some() && digit(*low).is_some() => {
                    let value = |b: &u8| digit(*b).unwrap_or_default();
                    plain.push(value(high) << 4 | value(low));
                    behind
                }
                [..] => {
                    plain.push(b'%');
                    behind
                }
            },
            [..] => {
                let (run, behind) = rest.split_at(memchr2(b'+', b'%', rest).unwrap_or(rest.len()));
                plain.extend_from_slice(run);
                behind
            }
        };
    }
    String::from_utf8(plain)
        .unwrap_or_else(|odd| String::from_utf8_lossy(odd.as_bytes()).into_owned())
}

const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    proptest! {
        #[test]
        fn a_form_is_read_as_the_url_crate_reads_it(
            form in vec(prop_oneof![select(b"&=+%%%aF09g \xc3\xa9\xff".as_slice()), any::<u8>()], 0..40)
        ) {
            let theirs: Vec<(String, String)> =
                url::form_urlencoded::parse(&form).into_owned().collect();
            prop_assert_eq!(pairs(&form).collect::<Vec<_>>(), theirs);
        }
    }
}
