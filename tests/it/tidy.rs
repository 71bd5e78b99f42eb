//! The architecture as a test: layers, small rooms, and a pure core.

use std::fs;
use std::path::{Path, PathBuf};

/// Which modules stand on which line. A module imports only from lines below its own.
const LAYERS: &[(u8, &[&str])] = &[
    (13, &["main"]),
    (12, &["cli", "demo"]),
    (11, &["serve"]),
    (10, &["server"]),
    (9, &["gate"]),
    (8, &["error"]),
    (7, &["account", "device", "forward_auth", "login", "logout", "proxy", "recovery"]),
    (6, &["credential"]),
    (5, &["directory", "links", "session"]),
    (4, &["oidc", "service_provider", "hub"]),
    (3, &["http_client", "jose", "message"]),
    (2, &["body", "budget", "clock", "config", "headers", "observe", "peer", "respond"]),
    (1, &["fields", "policy", "saml"]),
    (0, &["lanes"]),
];

/// Neighbours that may see each other, each with the reason.
const NEIGHBOURS: &[(&str, &str, &str)] = &[
    ("headers", "config", "the names of the managed headers are configuration"),
    ("demo", "cli", "the demo is one of the commands"),
    ("cli", "demo", "the demo is one of the commands"),
];

const LONGEST: usize = 300;

#[test]
fn every_file_stands_on_a_line() {
    for file in sources() {
        assert!(line_of(&module_of(&file)).is_some(), "{} has no line in LAYERS", file.display());
    }
}

#[test]
fn imports_point_down() {
    let mut wrong = Vec::new();
    for file in sources() {
        let module = module_of(&file);
        let Some(line) = line_of(&module) else { continue };
        for (number, imported) in imports(&file) {
            if imported == module || module == "lib" {
                continue;
            }
            let Some(theirs) = line_of(&imported) else {
                wrong.push(format!("{}:{number}: unknown module {imported}", file.display()));
                continue;
            };
            let neighbours = NEIGHBOURS.iter().any(|(a, b, _)| *a == module && *b == imported);
            if theirs >= line && !neighbours {
                wrong.push(format!(
                    "{}:{number}: {module} (line {line}) imports {imported} (line {theirs})",
                    file.display()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "imports must point down:\n{}", wrong.join("\n"));
}

#[test]
fn only_serve_knows_the_gate() {
    for file in sources() {
        let module = module_of(&file);
        let above = ["gate", "serve"].contains(&module.as_str());
        let knows = imports(&file).iter().any(|(_, imported)| imported == "gate");
        assert!(above || !knows, "{} imports the gate", file.display());
    }
}

#[test]
fn the_core_is_pure() {
    for file in sources().into_iter().filter(|file| module_of(file) == "policy") {
        let text = code(&file);
        for word in [
            "async ",
            ".await",
            "tracing::",
            "SystemTime::now",
            "Instant::now",
            "std::fs",
            "std::net",
            "std::env",
            "tokio::",
        ] {
            assert!(!text.contains(word), "{} holds {word}", file.display());
        }
        let ours = imports(&file)
            .into_iter()
            .find(|(_, imported)| imported != "policy" && imported != "lanes");
        assert!(ours.is_none(), "{} imports {ours:?}", file.display());
    }
}

#[test]
fn rooms_are_small() {
    let mut long = Vec::new();
    for file in sources() {
        let lines = code(&file).lines().count();
        if lines > LONGEST {
            long.push(format!("{} has {lines} lines before its tests", file.display()));
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn a_file_begins_by_saying_what_it_is() {
    for file in sources() {
        let text = fs::read_to_string(&file).expect("a source file");
        assert!(text.starts_with("//! "), "{} has no first sentence", file.display());
        assert!(file.file_name().is_none_or(|name| name != "mod.rs"), "{}", file.display());
    }
}

#[test]
fn a_secret_is_exposed_in_few_places() {
    let doors: Vec<String> = sources()
        .iter()
        .filter(|file| code(file).contains(".expose_secret()"))
        .map(|file| module_of(file))
        .collect();
    for door in &doors {
        assert!(
            ["oidc", "session", "logout", "config", "jose", "serve"].contains(&door.as_str()),
            "{door} reads a secret"
        );
    }
}

/// Every source file of the library and the binary.
fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    assert!(found.len() > 20, "the sources were not found");
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The top-level module that a file belongs to.
fn module_of(file: &Path) -> String {
    let inside = file.strip_prefix(root().join("src")).expect("a file in src");
    let first = inside.components().next().expect("a name").as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

fn line_of(module: &str) -> Option<u8> {
    if module == "lib" {
        return Some(13);
    }
    LAYERS.iter().find(|(_, modules)| modules.contains(&module)).map(|(line, _)| *line)
}

/// The file without its unit tests.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).expect("a source file");
    let end = text.find("\n#[cfg(test)]").unwrap_or(text.len());
    text[..end].to_owned()
}

/// The top-level modules that a file names, with line numbers.
fn imports(file: &Path) -> Vec<(usize, String)> {
    let module = module_of(file);
    let prefix = if module == "main" { "hubgate::" } else { "crate::" };
    let mut found = Vec::new();
    let text = code(file);
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_start();
        if line.starts_with("//") {
            continue;
        }
        for (at, _) in line.match_indices(prefix) {
            let rest = &line[at + prefix.len()..];
            let names: Vec<&str> = match rest.strip_prefix('{') {
                Some(list) => list.trim_end_matches(['}', ';']).split(',').map(str::trim).collect(),
                None => vec![rest],
            };
            for name in names {
                let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                let name = &name[..end.unwrap_or(name.len())];
                let is_module = name.chars().next().is_some_and(|c| c.is_ascii_lowercase());
                if is_module {
                    found.push((number + 1, name.to_owned()));
                }
            }
        }
    }
    found
}
