//! A named plan as SQL text, and the two ways user text enters SQL.

/// A plan in SQL, over tables that are registered by name in the engine that runs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// What it computes; shown in logs.
    pub name: String,
    /// One SELECT.
    pub sql: String,
    /// Whether it groups rows into about as many groups as there are rows: adding up by parts first would only cost.
    pub has_many_groups: bool,
}

impl Query {
    /// A query with its name.
    #[must_use]
    pub fn new(name: impl Into<String>, sql: impl Into<String>) -> Self {
        Self { name: name.into(), sql: sql.into(), has_many_groups: false }
    }

    /// The same, which groups rows into about as many groups as there are rows.
    #[must_use]
    pub fn with_many_groups(self) -> Self {
        Self { has_many_groups: true, ..self }
    }
}

/// A name as a quoted SQL identifier.
#[must_use]
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Text as a SQL literal.
#[must_use]
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Texts with a separator between them, as SQL; those that are unknown are left out, and of none there is no text.
///
/// Not `concat_ws`: the engine's optimizer takes away arguments of which it can tell that they are unknown, and then
/// misses them where that is all of them.
#[must_use]
pub fn joined(separator: &str, texts: &[String]) -> String {
    format!("nullif(array_to_string(make_array({}), {}), '')", texts.join(", "), literal(separator))
}
