//! A named plan as SQL text, the parts it can be run in, and the two ways user text enters SQL.

use crate::GroupScope;

/// A plan in SQL, over tables that are registered by name in the engine that runs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// What it computes; shown in logs.
    pub name: String,
    /// One SELECT.
    pub sql: String,
    /// Whether it groups rows into about as many groups as there are rows: adding up by parts first would only cost.
    pub has_many_groups: bool,
    /// Whether its joins are as they are written, with what is held in memory on the left, and what the engine guesses of
    /// sizes does not count.
    pub keeps_join_order: bool,
    /// Whether each of its rows follows from rows of one account, so that ranges of accounts cost no more than all at once.
    pub takes_accounts_alone: bool,
    /// Whether it can be divided.
    divided: Divided,
}

/// Whether parts of a query together have its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Divided {
    No,
    /// For some accounts at a time.
    ByAccount(Parted),
    /// Into these SELECTs.
    Into(Vec<String>),
}

/// Parts into which accounts are divided, each time finer.
const PARTS_OF_ACCOUNTS: [u32; 3] = [4, 16, 64];

impl Divided {
    /// The SELECTs of a division, 0 for the coarsest; none where it cannot be finer.
    fn selects(&self, finer: usize) -> Option<Vec<String>> {
        match self {
            Self::No => None,
            Self::ByAccount(sql) => {
                let of = *PARTS_OF_ACCOUNTS.get(finer)?;
                let part = |number| sql.filled(&format!(" WHERE part_of(account_id, {of}) = {number}"));
                Some((0..of).map(part).collect())
            }
            Self::Into(selects) => (finer == 0).then(|| selects.clone()),
        }
    }
}

/// SQL with places for a condition on accounts: the condition stands between any two of these texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parted(Vec<String>);

impl Parted {
    /// A select over `account_id` and others, in brackets, which takes the condition at its end.
    pub(crate) fn select(sql: &str) -> Self {
        Self(vec![format!("(SELECT * FROM {sql}"), ")".to_owned()])
    }

    /// The same between two texts.
    pub(crate) fn within(mut self, before: &str, after: &str) -> Self {
        if let Some(first) = self.0.first_mut() {
            first.insert_str(0, before);
        }
        if let Some(last) = self.0.last_mut() {
            last.push_str(after);
        }
        self
    }

    /// The same and then another.
    pub(crate) fn then(self, mut next: Self) -> Self {
        let mut texts = self.0;
        if let (Some(last), false) = (texts.last_mut(), next.0.is_empty()) {
            last.push_str(&next.0.remove(0));
        }
        texts.append(&mut next.0);
        Self(texts)
    }

    /// The SQL with a condition, which may be empty.
    fn filled(&self, condition: &str) -> String {
        self.0.join(condition)
    }
}

impl Query {
    /// A query with its name.
    #[must_use]
    pub fn new(name: impl Into<String>, sql: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            sql: sql.into(),
            has_many_groups: false,
            keeps_join_order: false,
            takes_accounts_alone: false,
            divided: Divided::No,
        }
    }

    /// A query whose joins are as they are written, and that can be run for some accounts at a time.
    pub(crate) fn by_account(name: &str, sql: Parted) -> Self {
        let whole = Self::new(name, sql.filled(""));
        Self { keeps_join_order: true, divided: Divided::ByAccount(sql), ..whole }
    }

    /// A query over the groups of scopes, which can be run for one scope at a time.
    pub(crate) fn by_scope(name: &str, scopes: &[GroupScope], sql: impl Fn(&[GroupScope]) -> String) -> Self {
        let of_each = scopes.iter().map(|scope| sql(std::slice::from_ref(scope))).collect();
        Self::new(name, sql(scopes)).divided_into(of_each)
    }

    /// The same, whose rows are those of other SELECTs together.
    #[must_use]
    pub fn divided_into(self, selects: Vec<String>) -> Self {
        Self { divided: Divided::Into(selects), ..self }
    }

    /// Narrower ways to have the same rows, from the fastest to the one that needs the least memory: each is queries to run
    /// one after the other, whose rows together are those of the whole.
    pub fn narrower(&self) -> impl Iterator<Item = Vec<Self>> {
        let part = |sql| self.whole(sql);
        (0..).map_while(|finer| self.divided.selects(finer)).map(move |selects| selects.into_iter().map(part).collect())
    }

    /// The same rows in an order, as a whole.
    #[must_use]
    pub fn sorted_by(&self, order: &str) -> Self {
        self.whole(format!("SELECT * FROM ({}) ORDER BY {order}", self.sql))
    }

    /// Those of its rows for which a condition holds, as a whole.
    #[must_use]
    pub fn only_where(&self, condition: &str) -> Self {
        self.whole(format!("SELECT * FROM ({}) WHERE {condition}", self.sql))
    }

    /// Another SELECT that is run like this one, and cannot be divided.
    fn whole(&self, sql: String) -> Self {
        let Self { has_many_groups, keeps_join_order, takes_accounts_alone, .. } = *self;
        Self { has_many_groups, keeps_join_order, takes_accounts_alone, ..Self::new(&self.name, sql) }
    }

    /// The same, each row of which follows from rows of one account.
    #[must_use]
    pub fn of_accounts_alone(self) -> Self {
        Self { takes_accounts_alone: true, ..self }
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
