//! Name ids: the identity provider's name for a person (Core §2.2.2, §8.3).

use super::Refusal;
use super::limits::NAME_ID_BYTES;
use super::names::UNSPECIFIED_FORMAT;
use super::xml::Element;

/// A name id, as a logout request must repeat it (Core §3.7.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct NameId {
    /// The name itself: not empty, without control characters and without space around it.
    pub value: String,
    /// What kind of name it is, as a URI; absent when the identity provider did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// The identity provider that the name belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_qualifier: Option<String>,
    /// The service provider that the name is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sp_name_qualifier: Option<String>,
}

impl NameId {
    pub(crate) fn read(element: Element<'_>) -> Result<Self, Refusal> {
        let value = element.text().map_err(|_| Refusal::NameId)?;
        let good = !value.is_empty()
            && value.len() <= NAME_ID_BYTES
            && value.trim() == value
            && !value.chars().any(char::is_control);
        if !good {
            return Err(Refusal::NameId);
        }
        let attribute = |name| element.attribute(name).map(str::to_owned);
        Ok(Self {
            value: value.to_owned(),
            format: attribute("Format"),
            name_qualifier: attribute("NameQualifier"),
            sp_name_qualifier: attribute("SPNameQualifier"),
        })
    }

    /// Whether both name the same person; an absent format is the unspecified one.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let format = |name: &Self| name.format.clone().unwrap_or(UNSPECIFIED_FORMAT.to_owned());
        self.value == other.value && format(self) == format(other)
    }
}
