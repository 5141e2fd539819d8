//! What a project offers to its rules: which inputs it has, and which columns its accounts carry.

use std::collections::{BTreeMap, BTreeSet};

use headwater_diagnostics::yaml::{Key, Node};
use headwater_metrics::{Catalogue, InputTable, Unit};

/// What rules may refer to, as the project file declares it.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// Where metrics are looked up.
    pub catalogue: Catalogue,
    /// The inputs the project declares.
    pub inputs: BTreeSet<InputTable>,
    /// The columns of accounts that are mapped, further attributes included, in their order.
    pub attributes: Vec<(String, Unit)>,
    /// Published tables beside those the rules produce, with their columns, for audits.
    pub other_tables: BTreeMap<String, Vec<String>>,
    /// Values of parameters that count instead of those in the rule files.
    pub params: Vec<(Key, Node)>,
    /// The profiles of the project, which tests may name.
    pub profiles: BTreeSet<String>,
}

impl Environment {
    /// The unit of an attribute that is mapped.
    pub(crate) fn attribute(&self, name: &str) -> Option<Unit> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, unit)| *unit)
    }

    /// The inputs of `needed` that the project does not declare.
    pub(crate) fn missing(&self, needed: &[InputTable]) -> Vec<InputTable> {
        needed.iter().copied().filter(|input| !self.inputs.contains(input)).collect()
    }

    /// The text columns that accounts can be grouped by.
    pub(crate) fn dimensions(&self) -> impl Iterator<Item = &str> {
        let text = self.attributes.iter().filter(|(name, unit)| *unit == Unit::Text && name != "account_id");
        text.map(|(name, _)| name.as_str())
    }
}
