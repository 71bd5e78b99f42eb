//! The profile of a person as JSON, for the role mapping.

use serde_json::{Map, Value};

use super::assertion::Attribute;
use super::subject::NameId;

/// The key of the name id's value.
pub const NAME_ID: &str = "name_id";
/// The key of the name id's format.
pub const NAME_ID_FORMAT: &str = "name_id_format";

/// Writes the name id and the attributes as one JSON object.
///
/// An attribute is always an array of strings, with one value or none too, so that a path into
/// the profile means the same for everybody. It stands under its name and also under its
/// friendly name, unless that is another attribute's name, or the friendly name of two: then it
/// would be a matter of order which of them is meant. The values of an attribute that is written
/// several times are taken together, as some identity providers send one element for each value.
/// Nothing can stand in the place of the name id.
pub(crate) fn profile_of(name_id: &NameId, attributes: &[Attribute]) -> Map<String, Value> {
    let mut profile = Map::new();
    for attribute in attributes {
        let values =
            profile.entry(attribute.name.clone()).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(values) = values {
            values.extend(attribute.values.iter().cloned().map(Value::String));
        }
    }
    for attribute in attributes {
        let Some(friendly) = &attribute.friendly_name else { continue };
        let ambiguous = attributes.iter().any(|other| {
            &other.name == friendly
                || (other.friendly_name.as_ref() == Some(friendly) && other.name != attribute.name)
        });
        if let (false, Some(values)) = (ambiguous, profile.get(&attribute.name).cloned()) {
            profile.insert(friendly.clone(), values);
        }
    }
    profile.remove(NAME_ID_FORMAT);
    profile.insert(NAME_ID.to_owned(), Value::String(name_id.value.clone()));
    if let Some(format) = &name_id.format {
        profile.insert(NAME_ID_FORMAT.to_owned(), Value::String(format.clone()));
    }
    profile
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(attributes: &[(&str, Option<&str>, &[&str])], expected: &Value) {
        let attributes: Vec<_> = attributes
            .iter()
            .map(|(name, friendly, values)| Attribute {
                name: (*name).to_owned(),
                friendly_name: friendly.map(str::to_owned),
                values: values.iter().map(ToString::to_string).collect(),
            })
            .collect();
        let name_id = NameId {
            value: "kim".to_owned(),
            format: None,
            name_qualifier: None,
            sp_name_qualifier: None,
        };
        assert_eq!(&Value::Object(profile_of(&name_id, &attributes)), expected);
    }

    #[test]
    fn attributes_stand_under_their_names_and_friendly_names() {
        check(
            &[("urn:oid:0.9.2342.19200300.100.1.3", Some("mail"), &["kim@acme.example"])],
            &json!({
                "name_id": "kim",
                "urn:oid:0.9.2342.19200300.100.1.3": ["kim@acme.example"],
                "mail": ["kim@acme.example"],
            }),
        );
        check(&[("none", None, &[])], &json!({"name_id": "kim", "none": []}));
    }

    #[test]
    fn an_attribute_that_is_written_twice_has_all_values() {
        check(
            &[("Role", Some("role"), &["a"]), ("Role", Some("role"), &["b"])],
            &json!({"name_id": "kim", "Role": ["a", "b"], "role": ["a", "b"]}),
        );
    }

    #[test]
    fn a_friendly_name_never_hides_a_name_nor_another_friendly_name() {
        check(
            &[("groups", None, &["staff"]), ("x", Some("groups"), &["admin"])],
            &json!({"name_id": "kim", "groups": ["staff"], "x": ["admin"]}),
        );
        check(
            &[("x", Some("groups"), &["admin"]), ("y", Some("groups"), &["staff"])],
            &json!({"name_id": "kim", "x": ["admin"], "y": ["staff"]}),
        );
    }

    #[test]
    fn no_attribute_stands_in_the_place_of_the_name_id() {
        check(
            &[
                ("name_id", None, &["admin"]),
                ("x", Some("name_id"), &["admin"]),
                ("name_id_format", None, &["email"]),
            ],
            &json!({"name_id": "kim", "x": ["admin"]}),
        );
    }
}
