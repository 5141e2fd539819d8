//! One thing to say, and the collection of all of them.

use crate::{Code, Fix, Severity, Span};

/// Where a problem is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A range in a file of the project.
    Span(Span),
    /// An object, folder, table or option, named as the user knows it.
    Named(String),
}

/// Most characters of a message, of the words at its caret, and so on.
const MOST_SHOWN: usize = 2_000;
/// Most names that are listed in a message.
const MOST_LISTED: usize = 24;

/// A problem in the user's files or data, with everything needed to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The stable code; its first letter is the severity.
    pub code: Code,
    /// What is wrong: a lower-case fragment, the user's own text in backticks.
    pub message: String,
    /// Where.
    pub place: Place,
    /// A few words at the caret.
    pub label: Option<String>,
    /// How to mend it.
    pub help: Option<String>,
    /// What to put for what, where there is one answer.
    pub fix: Option<Fix>,
    /// Facts that help to understand it.
    pub notes: Vec<String>,
}

impl Diagnostic {
    /// A problem at a range of a project file.
    #[must_use]
    pub fn at(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(code, Place::Span(span), message)
    }

    /// A problem of something that is not text: an object, a folder, an option.
    #[must_use]
    pub fn of(code: Code, place: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(code, Place::Named(place.into()), message)
    }

    fn new(code: Code, place: Place, message: impl Into<String>) -> Self {
        Self { code, message: clipped(message.into()), place, label: None, help: None, fix: None, notes: Vec::new() }
    }

    /// Adds the words at the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(clipped(label.into()));
        self
    }

    /// Adds the remedy.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(clipped(help.into()));
        self
    }

    /// Says what stands in its place, and what is put instead: the only way to mend it.
    #[must_use]
    pub fn fixed_by(mut self, from: impl Into<String>, to: impl Into<String>) -> Self {
        self.fix = Some(Fix { from: from.into(), to: to.into() });
        self
    }

    /// Adds `did you mean …?` when a name among `known` is close to `name`.
    #[must_use]
    pub fn suggest<'a>(self, name: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        let meant = crate::suggest::surely_meant(name, &known);
        match crate::closest(name, known) {
            Some(close) => {
                let problem = self.help(format!("did you mean `{close}`?"));
                if meant.is_some() { problem.fixed_by(name, close) } else { problem }
            }
            None => self,
        }
    }

    /// Adds which of the `known` names is close to `name` and, where there are few, all of them as words at the caret.
    #[must_use]
    pub fn one_of<'a>(self, name: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        let problem = match known.as_slice() {
            [] => self,
            [only] => self.label(format!("the only one is {only}")),
            few if few.len() <= MOST_LISTED => self.label(format!("one of {}", few.join(", "))),
            _ => self,
        };
        problem.suggest(name, known)
    }

    /// Adds a fact.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(clipped(note.into()));
        self
    }

    /// Whether it stops the night or only informs.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }
}

/// A text without its middle, where it is longer than anybody reads: names can be as long as files.
fn clipped(text: String) -> String {
    let length = text.chars().count();
    if length <= MOST_SHOWN {
        return text;
    }
    let half = MOST_SHOWN / 2;
    let [begin, end]: [String; 2] = [text.chars().take(half).collect(), text.chars().skip(length - half).collect()];
    format!("{begin} … {end}")
}

/// All problems of one run, in the order of the files they are in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics {
    items: Vec<Diagnostic>,
}

impl Diagnostics {
    /// No problem so far.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a problem; the same problem at the same place is kept once.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if !self.items.contains(&diagnostic) {
            self.items.push(diagnostic);
        }
    }

    /// Takes a problem back, where another one says it better.
    pub(crate) fn retract(&mut self, diagnostic: &Diagnostic) {
        self.items.retain(|item| item != diagnostic);
    }

    /// Adds all problems of another collection.
    pub fn append(&mut self, other: Self) {
        for diagnostic in other.items {
            self.push(diagnostic);
        }
    }

    /// Whether any of them is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.items.iter().any(|item| item.severity() == Severity::Error)
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// How many there are of a severity.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.items.iter().filter(|item| item.severity() == severity).count()
    }

    /// All problems sorted by place, then code.
    #[must_use]
    pub fn sorted(&self) -> Vec<&Diagnostic> {
        let mut sorted: Vec<_> = self.items.iter().collect();
        sorted.sort_by(|a, b| (&a.place, a.code).cmp(&(&b.place, b.code)));
        sorted
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self { items: vec![diagnostic] }
    }
}

impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<I: IntoIterator<Item = Diagnostic>>(iter: I) -> Self {
        let mut all = Self::new();
        for diagnostic in iter {
            all.push(diagnostic);
        }
        all
    }
}

impl Extend<Diagnostic> for Diagnostics {
    fn extend<I: IntoIterator<Item = Diagnostic>>(&mut self, iter: I) {
        for diagnostic in iter {
            self.push(diagnostic);
        }
    }
}
