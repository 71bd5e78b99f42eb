//! What is put into the hub's pages for a member without a sign-in.

use std::fmt::Write as _;

/// The banner: ASCII, whatever the page's encoding, and without a style or a script, which the
/// page's content policy may not allow. `url` is a whole address: the page may have a `<base>`.
#[must_use]
pub fn banner(name: &str, url: &str) -> String {
    let (name, url) = (escaped(name), escaped(url));
    format!(
        "<div id=\"hubgate-banner\" role=\"region\" aria-label=\"Single sign-on\" lang=\"en\" \
         dir=\"ltr\"><table role=\"presentation\" width=\"100%\" border=\"0\" cellspacing=\"0\" \
         cellpadding=\"10\"><tr><td align=\"center\" bgcolor=\"#fff3bf\"><a href=\"{url}\" \
         target=\"_top\" rel=\"nofollow\"><font color=\"#0b3d91\"><u>Complete single sign-on with \
         {name}</u></font></a></td></tr></table></div>"
    )
}

/// Text as it may stand between tags and between quotes, in any encoding that agrees with ASCII.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || " -._~:/?#%,()!".contains(c) {
            escaped.push(c);
        } else {
            let _infallible = write!(escaped, "&#{};", u32::from(c));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_place() {
        let html = banner("<Zoë> & \"'\u{202e}`\n=", "https://hub/-/sso/a/login?x=\"><script>");
        assert!(html.is_ascii());
        assert!(html.contains("&#60;Zo&#235;&#62; &#38; &#34;&#39;&#8238;&#96;&#10;&#61;</u>"));
        assert!(html.contains("login?x&#61;&#34;&#62;&#60;script&#62;\""), "{html}");
    }
}
