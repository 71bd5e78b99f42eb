//! What the log says of namespaces that no organization has any more.

use crate::gate::Site;

/// How many namespaces are named.
const NAMED: usize = 20;

/// Tells the log what stays closed, since nobody would be kept out of it any more.
pub(super) fn tell(site: &Site) {
    let closed = site.closed();
    if closed.is_empty() {
        return;
    }
    let names: Vec<&str> = closed.iter().take(NAMED).map(|name| name.as_str()).collect();
    tracing::warn!(
        count = closed.len(),
        namespaces = names.join(", "),
        "no organization has these namespaces any more: they are closed to everybody until one \
         does or the gate is started anew; to open them, set enforcement = \"off\" before the \
         organization is taken out"
    );
}
