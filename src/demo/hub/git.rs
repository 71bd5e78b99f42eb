//! Git objects, enough of them for the read-only protocol over plain files.

use std::collections::BTreeMap;
use std::fmt::Write;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use bytes::Bytes;

/// Objects by their names, as they stand before compression.
pub(super) type Objects = BTreeMap<String, Bytes>;

/// Stores an object and returns its name.
fn store(objects: &mut Objects, kind: &str, content: &[u8]) -> String {
    let mut object = format!("{kind} {}\0", content.len()).into_bytes();
    object.extend_from_slice(content);
    let name = hex(digest(&SHA1_FOR_LEGACY_USE_ONLY, &object).as_ref());
    objects.insert(name.clone(), object.into());
    name
}

/// Stores the files of a revision; returns the names of its commit and of each file.
pub(super) fn commit(
    objects: &mut Objects,
    files: &BTreeMap<String, Bytes>,
    parent: Option<&str>,
    message: &str,
) -> (String, BTreeMap<String, String>) {
    let mut blobs = BTreeMap::new();
    for (path, content) in files {
        blobs.insert(path.clone(), store(objects, "blob", content));
    }
    let leaves: Vec<(&str, &str)> =
        blobs.iter().map(|(path, name)| (path.as_str(), name.as_str())).collect();
    let tree = tree(objects, &leaves);
    let parent = parent.map(|name| format!("parent {name}\n")).unwrap_or_default();
    let who = "Demo <demo@hub.example> 1735689600 +0000";
    let text = format!("tree {tree}\n{parent}author {who}\ncommitter {who}\n\n{message}\n");
    let name = store(objects, "commit", text.as_bytes());
    (name, blobs)
}

fn tree(objects: &mut Objects, leaves: &[(&str, &str)]) -> String {
    let mut folders: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    let mut entries: Vec<(String, &str, &str, String)> = Vec::new();
    for (path, name) in leaves {
        match path.split_once('/') {
            Some((folder, rest)) => folders.entry(folder).or_default().push((rest, name)),
            None => entries.push(((*path).to_owned(), "100644", path, (*name).to_owned())),
        }
    }
    for (folder, leaves) in folders {
        // Git sorts a folder as if its name ended in a slash.
        entries.push((format!("{folder}/"), "40000", folder, tree(objects, &leaves)));
    }
    entries.sort();
    let mut content = Vec::new();
    for (_, mode, path, name) in &entries {
        content.extend_from_slice(format!("{mode} {path}\0").as_bytes());
        content.extend(unhex(name));
    }
    store(objects, "tree", &content)
}

/// A zlib stream (RFC 1950) of stored blocks: what a loose object looks like, uncompressed.
pub(super) fn zlib(content: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    let mut blocks = content.chunks(0xffff).peekable();
    while let Some(block) = blocks.next() {
        let length = block.len() as u16;
        stream.push(u8::from(blocks.peek().is_none()));
        stream.extend_from_slice(&length.to_le_bytes());
        stream.extend_from_slice(&(!length).to_le_bytes());
        stream.extend_from_slice(block);
    }
    let (mut low, mut high) = (1_u32, 0_u32);
    for byte in content {
        low = (low + u32::from(*byte)) % 65521;
        high = (high + low) % 65521;
    }
    stream.extend_from_slice(&(high << 16 | low).to_be_bytes());
    stream
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> impl Iterator<Item = u8> {
    text.as_bytes()
        .chunks(2)
        .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_git_computes() {
        let mut objects = Objects::new();
        assert_eq!(store(&mut objects, "blob", b""), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
        assert_eq!(tree(&mut objects, &[]), "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
    }
}
