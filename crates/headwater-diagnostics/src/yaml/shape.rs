//! What a mapping may hold, declared beside its reader: the reader is held to it, and editors are told it as JSON Schema.

use serde_json::{Map, Value, json};

use super::Node;

/// A mapping as people write it.
#[derive(Debug)]
pub struct Shape {
    /// What it is in messages, with its article.
    pub what: &'static str,
    /// Its keys, in groups that several mappings may share.
    pub keys: &'static [&'static [KeyShape]],
    /// Sets of keys of which exactly one is given.
    pub one_of: &'static [&'static [&'static str]],
}

/// A key of a mapping.
#[derive(Debug)]
pub struct KeyShape {
    name: &'static str,
    holds: Holds,
    is_required: bool,
    says: &'static str,
}

/// What a key may hold.
#[derive(Debug)]
pub enum Holds {
    /// Text.
    Text,
    /// The name of an item: a lower-case letter, then lower-case letters, digits and `_`.
    Id,
    /// A number.
    Number,
    /// A whole number between two bounds, both included.
    Integer(i64, i64),
    /// `true` or `false`.
    Flag,
    /// `true`, and nothing else.
    True,
    /// A day, written YYYY-MM-DD.
    Day,
    /// One number.
    Exactly(i64),
    /// One of some words.
    Words(&'static [&'static str]),
    /// One of the names of a kind, which are not all known beforehand.
    Named(&'static str),
    /// Text, a number, `true`, `false` or nothing.
    Scalar,
    /// A mapping.
    Map(&'static Shape),
    /// A mapping whose keys are its author's own.
    MapOf(&'static Holds),
    /// A list, which may be empty.
    List(&'static Holds),
    /// A list of one or more.
    Items(&'static Holds),
    /// One of several.
    Either(&'static [Holds]),
}

/// A key that may be left out.
#[must_use]
pub const fn key(name: &'static str, holds: Holds, says: &'static str) -> KeyShape {
    KeyShape { name, holds, is_required: false, says }
}

/// A key that must be there.
#[must_use]
pub const fn required(name: &'static str, holds: Holds, says: &'static str) -> KeyShape {
    KeyShape { name, holds, is_required: true, says }
}

impl Shape {
    /// A mapping of which no key excludes another.
    #[must_use]
    pub const fn new(what: &'static str, keys: &'static [&'static [KeyShape]]) -> Self {
        Self { what, keys, one_of: &[] }
    }

    /// Whether it has a key of that name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.all_keys().any(|key| key.name == name)
    }

    /// The names of its keys.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.keys.iter().copied().flatten().map(|key| key.name)
    }

    /// How it is written, as a remedy: with what was written instead where that says enough, else with the keys that must be
    /// there, or with the first.
    pub(super) fn example(&self, instead: &Node) -> String {
        if let Some(counted) = self.counted(instead) {
            return format!("write `{{{counted}}}`");
        }
        let required: Vec<_> =
            self.all_keys().filter(|key| key.is_required).map(|key| format!("{}: …", key.name)).collect();
        let keys = if required.is_empty() {
            self.names().next().map(|name| format!("{name}: …")).unwrap_or_default()
        } else {
            required.join(", ")
        };
        format!("write `{{{keys}}}`, or a line for each key")
    }

    /// What `3 days`, `3d`, `2 weeks` or a number alone most likely means, where keys count and one of them is enough.
    fn counted(&self, written: &Node) -> Option<String> {
        if self.all_keys().any(|key| key.is_required) {
            return None;
        }
        let mut counting = self.all_keys().filter(|key| matches!(key.holds, Holds::Integer(..)));
        match &written.value {
            super::Value::Integer(number) => Some(format!("{}: {number}", counting.next()?.name)),
            super::Value::Text(text) => {
                let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
                let number = text.strip_suffix(unit).filter(|number| !number.is_empty())?;
                let mut unit = unit.trim();
                let mut number: u32 = number.parse().ok()?;
                if ["w", "week", "weeks"].contains(&unit) {
                    (number, unit) = (number.checked_mul(7)?, "days");
                }
                let is_meant = |key: &&KeyShape| !unit.is_empty() && key.name.starts_with(unit);
                Some(format!("{}: {number}", counting.find(is_meant)?.name))
            }
            _ => None,
        }
    }

    fn all_keys(&self) -> impl Iterator<Item = &KeyShape> {
        self.keys.iter().copied().flatten()
    }

    /// The shape as a JSON Schema document of draft 7, the draft that editors of YAML read.
    ///
    /// `names` lists the names of a kind, each with a sentence on it.
    #[must_use]
    pub fn schema(&self, title: &str, names: &dyn Fn(&str) -> Vec<(String, String)>) -> Value {
        let mut definitions = Definitions { found: Map::new(), names };
        let root = definitions.of_shape(self);
        json!({
            "$schema": "http://json-schema.org/draft-07/schema#",
            "title": title,
            "$ref": root,
            "definitions": definitions.found,
        })
    }
}

/// The definitions of a schema so far, by name.
struct Definitions<'a> {
    found: Map<String, Value>,
    names: &'a dyn Fn(&str) -> Vec<(String, String)>,
}

impl Definitions<'_> {
    /// A reference to a shape's definition, which is added where it is not there yet.
    fn of_shape(&mut self, shape: &Shape) -> String {
        let name = shape.what.trim_start_matches("an ").trim_start_matches("a ").replace('`', "").replace(' ', "_");
        if !self.found.contains_key(&name) {
            // A shape that is found again while it is written refers to the same place.
            self.found.insert(name.clone(), Value::Null);
            let definition = self.object(shape);
            self.found.insert(name.clone(), definition);
        }
        format!("#/definitions/{name}")
    }

    /// A reference to the names of a kind.
    fn of_names(&mut self, kind: &str) -> String {
        let name = kind.replace(' ', "_");
        if !self.found.contains_key(&name) {
            let (names, sentences): (Vec<_>, Vec<_>) = (self.names)(kind).into_iter().unzip();
            // Names of the author's own are as good as those that are known.
            let known = json!({ "enum": names, "markdownEnumDescriptions": sentences });
            self.found.insert(name.clone(), json!({ "anyOf": [known, { "type": "string" }] }));
        }
        format!("#/definitions/{name}")
    }

    fn object(&mut self, shape: &Shape) -> Value {
        let mut properties = Map::new();
        for key in shape.all_keys() {
            let mut property = self.value(&key.holds);
            if let Some(fields) = property.as_object_mut() {
                fields.insert("description".to_owned(), json!(key.says));
            }
            properties.insert(key.name.to_owned(), property);
        }
        let required: Vec<_> = shape.all_keys().filter(|key| key.is_required).map(|key| key.name).collect();
        let mut object = json!({ "type": "object", "additionalProperties": false, "properties": properties });
        if let Some(fields) = object.as_object_mut() {
            if !required.is_empty() {
                fields.insert("required".to_owned(), json!(required));
            }
            let choices: Vec<_> = shape.one_of.iter().map(|keys| one_of(keys)).collect();
            match choices.as_slice() {
                [] => {}
                [only] => drop(fields.insert("oneOf".to_owned(), only.clone())),
                several => {
                    let all: Vec<_> = several.iter().map(|choice| json!({ "oneOf": choice })).collect();
                    fields.insert("allOf".to_owned(), json!(all));
                }
            }
        }
        object
    }

    fn value(&mut self, holds: &Holds) -> Value {
        match holds {
            Holds::Text => json!({ "type": "string" }),
            Holds::Id => json!({ "type": "string", "pattern": "^[a-z][a-z0-9_]*$" }),
            Holds::Number => json!({ "type": "number" }),
            Holds::Integer(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
            Holds::Flag => json!({ "type": "boolean" }),
            Holds::True => json!({ "const": true }),
            Holds::Day => json!({ "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" }),
            Holds::Exactly(number) => json!({ "const": number }),
            Holds::Words(words) => json!({ "enum": words }),
            Holds::Named(kind) => json!({ "$ref": self.of_names(kind) }),
            Holds::Scalar => json!({ "type": ["string", "number", "boolean", "null"] }),
            Holds::Map(shape) => json!({ "$ref": self.of_shape(shape) }),
            Holds::MapOf(value) => json!({ "type": "object", "additionalProperties": self.value(value) }),
            Holds::List(item) => json!({ "type": "array", "items": self.value(item) }),
            Holds::Items(item) => json!({ "type": "array", "items": self.value(item), "minItems": 1 }),
            Holds::Either(several) => {
                let several: Vec<_> = several.iter().map(|holds| self.value(holds)).collect();
                json!({ "anyOf": several })
            }
        }
    }
}

/// Exactly one of some keys.
fn one_of(keys: &[&str]) -> Value {
    keys.iter().map(|key| json!({ "required": [key] })).collect()
}
