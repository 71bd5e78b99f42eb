//! What two organizations cannot both have.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::section::Section;
use crate::policy::Namespace;

/// Notes what two organizations cannot both have; looks at the text, so that one mistake in an
/// organization does not hide another.
pub(super) fn disjoint(sections: &[Section<'_>]) {
    let mut ids: HashMap<&str, String> = HashMap::new();
    let mut owners: HashMap<Namespace, (usize, &str)> = HashMap::new();
    for (index, section) in sections.iter().enumerate() {
        let id = section.peek("id").unwrap_or_default();
        match ids.entry(id) {
            Entry::Vacant(entry) => {
                entry.insert(section.file_note());
            }
            Entry::Occupied(_) if id.is_empty() => {}
            Entry::Occupied(entry) => {
                let what = format!("{id:?} is the id of another organization too{}", entry.get());
                section.note("id", what, "give each its own id");
            }
        }
        let named = section.peek_texts("namespaces").unwrap_or_else(|| vec![id]);
        for namespace in named.into_iter().filter_map(|text| Namespace::parse(text).ok()) {
            let name = namespace.as_str().to_owned();
            let (owner, owner_id) = *owners.entry(namespace).or_insert((index, id));
            // Of two organizations with one id, the second is a mistake as a whole.
            if owner != index && owner_id != id {
                let what = format!("{name} belongs to the organization {owner_id:?} already");
                section.note("namespaces", what, "remove it from one of them");
            }
        }
    }
}
