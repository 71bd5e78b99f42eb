//! From the provider's profile to a role.

use serde_json::{Map, Value};
use serde_json_path::JsonPath;

use super::Role;

/// Where in the profile the values stand that decide the role.
#[derive(Clone, Debug)]
pub struct Attribute {
    text: String,
    path: Path,
}

#[derive(Clone, Debug)]
enum Path {
    /// RFC 9535; with the part in front of the first wildcard or filter, whose presence tells an
    /// attribute without values from a missing one.
    JsonPath { query: JsonPath, container: Option<JsonPath> },
    /// An attribute's whole name; failing that, a dotted path.
    Name(String),
}

/// Why an attribute path cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AttributeError {
    /// Nothing.
    #[error("is empty")]
    Empty,
    /// Begins like a JSONPath but is none.
    #[error("is not a JSONPath (RFC 9535): {0}")]
    JsonPath(#[source] serde_json_path::ParseError),
}

/// What an attribute path found in a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selected {
    /// The attribute is not there at all (or is null): not the same as no match.
    Missing,
    /// The values, text only; empty when the attribute is there and holds nothing.
    Values(Vec<String>),
}

impl Attribute {
    /// Parses a JSONPath (`$…`), a dotted path or a name.
    ///
    /// # Errors
    /// Says what is wrong with the path.
    pub fn parse(text: &str) -> Result<Self, AttributeError> {
        let path = if text.trim().is_empty() {
            return Err(AttributeError::Empty);
        } else if text.starts_with('$') {
            let query = JsonPath::parse(text).map_err(AttributeError::JsonPath)?;
            Path::JsonPath { query, container: container(text) }
        } else {
            Path::Name(text.to_owned())
        };
        Ok(Self { text: text.to_owned(), path })
    }

    /// The path as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The values that stand there in `profile`.
    #[must_use]
    pub fn select(&self, profile: &Map<String, Value>) -> Selected {
        let found: Vec<&Value> = match &self.path {
            Path::JsonPath { query, container } => {
                // The query wants a whole value; profiles are small and this is once a sign-in.
                let whole = Value::Object(profile.clone());
                let present = container.as_ref().is_some_and(|path| {
                    path.query(&whole).all().into_iter().any(|value| !value.is_null())
                });
                return collect(query.query(&whole).all().into_iter(), present);
            }
            Path::Name(name) => {
                profile.get(name).or_else(|| dotted(profile, name)).into_iter().collect()
            }
        };
        collect(found.into_iter(), false)
    }
}

/// The part of a query in front of its first wildcard, filter or descent: `$.teams` of
/// `$.teams[*].name`. `None` when there is none, or when it is the whole profile.
fn container(query: &str) -> Option<JsonPath> {
    let end = ["[*", ".*", "[?", ".."].iter().filter_map(|mark| query.find(mark)).min()?;
    let front = query.get(..end)?;
    if front == "$" { None } else { JsonPath::parse(front).ok() }
}

/// Walks `realm_access.roles` through nested objects.
fn dotted<'p>(profile: &'p Map<String, Value>, path: &str) -> Option<&'p Value> {
    let mut steps = path.split('.');
    let mut value = profile.get(steps.next()?)?;
    for step in steps {
        value = value.as_object()?.get(step)?;
    }
    Some(value)
}

/// Flattens what was found, one level of lists deep, into text.
fn collect<'v>(found: impl Iterator<Item = &'v Value>, mut present: bool) -> Selected {
    let mut values = Vec::new();
    for value in found {
        match value {
            Value::Null => {}
            Value::Array(items) => {
                present = true;
                values.extend(items.iter().filter_map(text_of));
            }
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                present = true;
                values.extend(text_of(value));
            }
        }
    }
    if present { Selected::Values(values) } else { Selected::Missing }
}

/// A scalar as text; an object or a list inside a list is no value that a mapping could name.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// What to do with a member whose profile lacks the attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Refuse the sign-in: the person may have none, or the provider may not be set up to send it.
    Refuse,
    /// Treat it as no match.
    Default,
}

/// Values of the profile, and the roles that they give.
#[derive(Clone, Debug)]
pub struct RoleMapping {
    /// Where the values stand.
    pub attribute: Attribute,
    /// Which values give which role; compared exactly.
    pub roles: Vec<(Role, Vec<String>)>,
    /// What a missing attribute means.
    pub missing: Missing,
}

impl RoleMapping {
    /// The most privileged role that one of the values gives.
    #[must_use]
    pub fn role_of(&self, values: &[String]) -> Option<Role> {
        self.roles
            .iter()
            .filter(|(_, names)| names.iter().any(|name| values.contains(name)))
            .map(|(role, _)| *role)
            .max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(path: &str, profile: &Value, expected: Option<&[&str]>) {
        let selected = Attribute::parse(path).expect(path).select(profile.as_object().unwrap());
        let expected = expected.map_or(Selected::Missing, |values| {
            Selected::Values(values.iter().map(ToString::to_string).collect())
        });
        assert_eq!(selected, expected, "{path} in {profile}");
    }

    #[test]
    fn an_attribute_is_found_by_json_path_dotted_path_or_name() {
        let profile = json!({
            "groups": ["ml", "everyone"],
            "department": "eng",
            "realm_access": {"roles": ["hub-admin"]},
            "https://acme/roles": ["x"],
            "a.b": "whole name first",
            "a": {"b": "not this"},
            "none": null,
            "empty": [],
            "teams": [{"name": "ml"}, {"name": "ops"}],
            "level": 3
        });
        check("$.groups", &profile, Some(&["ml", "everyone"]));
        check("$.groups[*]", &profile, Some(&["ml", "everyone"]));
        check("groups", &profile, Some(&["ml", "everyone"]));
        check("department", &profile, Some(&["eng"]));
        check("realm_access.roles", &profile, Some(&["hub-admin"]));
        check("$.realm_access.roles", &profile, Some(&["hub-admin"]));
        check("https://acme/roles", &profile, Some(&["x"]));
        check("$['https://acme/roles']", &profile, Some(&["x"]));
        check("a.b", &profile, Some(&["whole name first"]));
        check("$.teams[*].name", &profile, Some(&["ml", "ops"]));
        check("level", &profile, Some(&["3"]));
        check("empty", &profile, Some(&[]));
        check("none", &profile, None);
        check("$.teams[?@.name == 'x'].name", &profile, Some(&[]));
        check("$.absent[*]", &profile, None);
        check("$.absent[*].name", &profile, None);
        check("$..absent", &profile, None);
        check("absent", &profile, None);
        check("$.absent", &profile, None);
        check("realm_access.absent", &profile, None);
        check("department.x", &profile, None);
    }

    #[test]
    fn a_path_that_is_none_is_refused() {
        assert!(matches!(Attribute::parse("$.["), Err(AttributeError::JsonPath(_))));
        assert!(matches!(Attribute::parse(" "), Err(AttributeError::Empty)));
    }

    #[test]
    fn the_most_privileged_match_wins_and_values_compare_exactly() {
        let mapping = RoleMapping {
            attribute: Attribute::parse("groups").unwrap(),
            roles: vec![
                (Role::Read, vec!["everyone".into()]),
                (Role::Admin, vec!["hub-admins".into()]),
                (Role::Write, vec!["ml".into()]),
            ],
            missing: Missing::Refuse,
        };
        let role = |values: &[&str]| {
            mapping.role_of(&values.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(role(&["everyone", "ml"]), Some(Role::Write));
        assert_eq!(role(&["hub-admins", "everyone"]), Some(Role::Admin));
        assert_eq!(role(&["Hub-Admins"]), None);
        assert_eq!(role(&["ml,hub-admins"]), None);
        assert_eq!(role(&[]), None);
    }
}
