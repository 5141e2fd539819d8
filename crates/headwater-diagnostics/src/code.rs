//! The register of codes: each is declared once, here, with its page; a released code is never reused.

use std::fmt;

/// Whether a diagnostic stops the night.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The night cannot go on.
    Error,
    /// The night goes on.
    Warning,
}

impl Severity {
    /// The word shown before the code.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

macro_rules! codes {
    ($($name:ident $id:literal $title:literal, $means:literal, $remedy:literal;)+) => {
        /// A stable name for one kind of problem.
        ///
        /// Ranges: 01 YAML and shape, 02 references, 03 expressions, 04 rule-set logic, 05 inputs, 06 storage,
        /// 07 state and locks, 08 outputs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $title] $name,)+
        }

        impl Code {
            /// Every code, in the order of the register.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The code as printed, for example `E0302`.
            #[must_use]
            pub fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)+ }
            }

            /// The problem in a few words.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)+ }
            }

            /// What it means and why it is refused.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => $means,)+ }
            }

            /// How to mend it.
            #[must_use]
            pub fn remedy(self) -> &'static str {
                match self { $(Self::$name => $remedy,)+ }
            }
        }
    };
}

codes! {
    InvalidYaml "E0101" "the file is not valid YAML",
        "The text cannot be read as YAML, so nothing in the file can be judged.",
        "Look at the character under the caret: tabs as indentation, an unclosed quote, or a `: ` or ` #` inside unquoted text are the usual causes.";
    UnknownKey "E0102" "unknown key",
        "A key nobody reads is a rule that silently does less than its author believes, so it is refused.",
        "Correct the spelling, or remove the key.";
    MissingKey "E0103" "a required key is missing",
        "Without this key the item has no meaning, and a silent default would guess.",
        "Add the key.";
    WrongShape "E0104" "a value of the wrong shape",
        "A list stands where text is expected, text where a number is expected, and so on.",
        "Give the value in the shape the message names.";
    InvalidValue "E0105" "a value that is not allowed",
        "The value has the right shape but is not one of those allowed, or is out of range.",
        "Choose one of the values the message names.";
    DuplicateKey "E0106" "the same key twice in one mapping",
        "Many YAML readers keep the last of two equal keys and lose the first without a word.",
        "Keep one of the two.";
    UnsupportedVersion "E0107" "a version this program does not read",
        "Every file says which version of the language it is written in.",
        "Write `version: 1`.";
    ConflictingKeys "E0108" "keys that exclude each other",
        "Two keys of the item answer the same question differently.",
        "Keep one of them.";
    MissingFile "E0109" "a file of the project cannot be read",
        "The project file, or a rule file it names, is not there or cannot be opened.",
        "Check the path, or create a project with `headwater init`.";
    SecretInProject "E0110" "a secret in a project file",
        "Project files are shared and kept in version control; a key that looks like a credential does not belong there.",
        "Remove it, and set the store's usual environment variable.";
    DuplicateId "E0201" "two items of a kind have the same id",
        "Ids name items in outputs and in other rules, whatever file they stand in.",
        "Rename one of them.";
    UnknownParameter "E0202" "unknown parameter",
        "`param.x` refers to an item of `params`, and there is none of this name.",
        "Declare the parameter, or correct the name.";
    UnknownSegment "E0203" "unknown segment scheme, segment or band",
        "`segment.x` refers to an item of `segment_schemes`, and what is compared with it to one of its segments; what is compared \
         with `<score>_band` is one of the score's `bands`. There is none of this name, so the condition would never hold.",
        "Declare it, or correct the name; capitals count.";
    UnknownMilestone "E0204" "unknown milestone or ladder",
        "A gate or an out-of-order flag names a milestone that no ladder has.",
        "Write `ladder.milestone` with names from `milestone_ladders`.";
    UnknownGuardrail "E0205" "unknown guardrail",
        "`after` names a guardrail that is not declared.",
        "Declare it, or correct the name.";
    UnknownDimension "E0206" "unknown group dimension",
        "A scope names something that accounts are not grouped by.",
        "Use `total`, a text column of accounts, or `segment.scheme`.";
    UnknownColumn "E0207" "unknown table or column",
        "An audit names a table or column that is not published.",
        "`headwater schema` lists what is published.";
    UnknownRule "E0208" "unknown rule",
        "A test, an audit or a mute names a rule that no rule file has.",
        "Correct the name; `kind:id` as in the table `rule_catalog`.";
    UnknownOwner "E0209" "unknown owner",
        "A rule names an owner that is not among the `owners` which the rule files declare.",
        "Declare the owner, or correct the name.";
    ExpressionSyntax "E0301" "the expression is not valid SQL",
        "The expression cannot be read as a SQL scalar expression.",
        "Mend the part under the caret; text stands in single quotes.";
    UnknownName "E0302" "unknown metric",
        "The name is no metric of the catalogue, no derived metric, no column of accounts, no parameter.",
        "Correct the name; `docs/metrics.md` lists all of them.";
    TypeMismatch "E0303" "types that do not go together",
        "An operator or function is applied to types it has no meaning for, such as text compared with a number.",
        "Compare like with like, or cast explicitly.";
    NotACondition "E0304" "not a condition",
        "A predicate must be true, false or unknown; this expression yields another type.",
        "Add a comparison.";
    SubqueryRefused "E0305" "subqueries are not allowed",
        "A rule judges one account at a time; a subquery would make it depend on others.",
        "Use a metric that carries the value.";
    AggregateRefused "E0306" "aggregates and windows are not allowed here",
        "An account-level expression sees one row; totals belong to group metrics.",
        "Use a metric of the catalogue that is already an aggregate.";
    ClockRefused "E0307" "the clock is not allowed",
        "A night must give the same result whenever it is run, so the wall clock is not part of the language.",
        "Use metrics relative to the as-of date, such as `days_since_last_activity`.";
    FunctionRefused "E0308" "a function that is not allowed",
        "Functions with randomness, side effects or session state would make results unrepeatable.",
        "Use a function of the list in `docs/rules.md`.";
    PlaceholderRefused "E0309" "placeholders are not allowed",
        "Rules are not templates: a value that varies is a parameter with a type.",
        "Declare it under `params` and write `param.name`.";
    QualifiedNameRefused "E0310" "table-qualified names are not allowed",
        "There is one row per account, so names stand alone; only `param.`, `segment.` and `milestone.` qualify.",
        "Remove the part before the dot.";
    UnknownFunction "E0311" "unknown function",
        "The function is not part of the language.",
        "Use a function of the list in `docs/rules.md`.";
    ConstructRefused "E0312" "an expression that is not part of the language",
        "Only scalar expressions over one row are allowed, from a list that stays small on purpose.",
        "Rewrite it with comparison, arithmetic, CASE, IN, BETWEEN, LIKE, CAST or the listed functions.";
    WrongGrain "E0313" "a metric of another grain",
        "A metric of a group of accounts has no value for one account, and the other way round.",
        "Use a metric of the right grain; `docs/metrics.md` says which each one has.";
    DoubleQuotedText "E0314" "double quotes around text",
        "In SQL double quotes name a column; text stands in single quotes.",
        "Write 'text'.";
    NullComparison "E0315" "a comparison with NULL",
        "`= NULL` is never true, not even for NULL.",
        "Write IS NULL or IS NOT NULL.";
    MetricCycle "E0401" "metrics that need each other",
        "A derived metric cannot be computed from itself, directly or through others.",
        "Break the circle.";
    WeightsNotHundred "E0402" "weights that do not add up to 100",
        "A weighted score runs from 0 to 100, so its weights must add up to 100.",
        "Adjust the weights.";
    SchemeIncomplete "E0403" "a scheme that can leave an account without a segment",
        "Every account has exactly one segment in each scheme, so the last segment must take the rest.",
        "End the scheme with a segment that has `otherwise: true`, and have only one.";
    Contradiction "E0404" "values that contradict each other",
        "A floor at or above its ceiling, bands that overlap, an input that takes the tables which the project publishes, or the like: the \
         item could not work.",
        "Correct one of the values.";
    MetricUnavailable "E0405" "a metric whose input is not declared",
        "The metric is computed from an input the project does not have, so the rule could never be evaluated.",
        "Declare the input in `headwater.yaml`, or set `when_unavailable: skip` on the rule.";
    GuardrailCycle "E0406" "guardrails that wait for each other",
        "`after` puts guardrails in order; a circle has none.",
        "Remove one `after`.";
    NoObjects "E0501" "an input without objects",
        "No object in the store matches the input's path, so there is nothing to read.",
        "Check the path and its pattern, and that the export has run.";
    MissingColumn "E0502" "a required column is missing",
        "The input has no column that the logical table requires.",
        "Map it in `headwater.yaml` under `columns`, from a column or an expression.";
    WrongColumnType "E0503" "a column of a type that cannot be used",
        "The column's type has no safe cast to what the logical table asks for.",
        "Cast it in the mapping's expression, or map another column.";
    UnreadableParquet "E0504" "an object that is not readable Parquet",
        "The object is truncated, empty or of another format.",
        "Write the object again, or exclude it from the pattern.";
    MappingInvalid "E0505" "a mapping that cannot be planned",
        "The SQL or expression that maps the input names something that is not there, or is not valid.",
        "Correct the SQL; the message says what could not be resolved.";
    StaleInput "E0506" "an input older than its freshness contract",
        "The newest row is older than the contract allows, so the night would judge old facts.",
        "Wait for the export and run again, or relax `freshness`.";
    SchemaConflict "E0507" "objects of one input disagree about a column",
        "Two files of the same input give one column types that have no common type.",
        "Write the files with one type, or split the input and cast in SQL.";
    InvalidAsOf "E0508" "not a usable as-of date",
        "The night is for one calendar day, written YYYY-MM-DD.",
        "Give a day that exists, for example `--as-of 2026-05-31`.";
    QuarantineLimit "E0509" "too many rows quarantined",
        "More rows of the input break its contract than `max_quarantine_pct` allows.",
        "Look at the reasons counted, mend the export, or raise the limit.";
    TableFormat "E0510" "a Delta or Iceberg table read as plain Parquet",
        "Such a folder also holds files that the table's log has removed; read as plain Parquet, deleted rows come back.",
        "Export the table to Parquet, or name the files of one version with a pattern.";
    PartitionPath "E0511" "an object outside the declared partitions",
        "The input declares columns that stand in its objects' paths, and this path does not have them.",
        "Correct `partitions`, or narrow the pattern to the objects that have them.";
    InputChanged "E0512" "an input that is no longer what a run recorded",
        "A run is tried again on the inputs it had, and an object of them was written again, is gone, or has come since.",
        "Restore the objects, or pass `--accept-changed-inputs` to run the night on what is there now.";
    ColumnsDrifted "E0513" "columns of an input are no longer those of the night before",
        "A column came, went or has another type than when the last night before this one was published, and the input's `drift` refuses that.",
        "Mend the export; where the change is meant, let one night pass with `warn` or `allow` for this kind of change.";
    UnsupportedStore "E0601" "a location that cannot be opened",
        "The URL's scheme is unknown, or the store cannot be configured from it and the environment.",
        "Use a path, `s3://`, `gs://` or `az://`, and set the store's usual environment variables.";
    StoreFailed "E0602" "the store failed",
        "A request to the store failed after its retries, or something that is no object is where a record has to be written.",
        "Check network, credentials and permissions, or remove what is in the place of the record, then run again.";
    UnsafeStore "E0603" "a store that ignores conditional writes",
        "Publication rests on creating an object only if it is not there; this store lets a second create pass.",
        "Publish to a store that honours conditional creates.";
    StepFailed "E0604" "a step of the night failed",
        "The engine could not finish a step: memory or disk ran out, a store failed half-way, or this program is at fault. Nothing was published.",
        "Raise `engine.memory_mb` or free space under `engine.spill_dir`, then run again; if the message shows neither, report it.";
    AmountTooLarge "E0605" "an amount that is too large",
        "Amounts have at most 16 digits before the point. One amount of an input, or a sum or product of some, has more, so nothing was published.",
        "Look for amounts in the wrong unit or currency in the input that the step reads; leave them out with `filter` or count them with `expect`.";
    LeaseHeld "E0701" "another run is at work",
        "Another run holds the lease on this publication, so this one wrote nothing.",
        "Wait until it ends; a lease of a run that died expires by itself.";
    LeaseLost "E0702" "the lease was lost",
        "Another run took over while this one worked, so this one has not published.",
        "Run again.";
    BadManifest "E0703" "a manifest that cannot be read",
        "The record of a published night is damaged, of an unknown version, or not the one that was published under its number, or an object that it names is gone or was changed.",
        "Restore the object from a backup. A damaged manifest can also be removed: a night whose current manifest is removed has to be run again, and until then its folders stay as they are. A night whose object is gone can be run again.";
    RunStopped "E0704" "the run was stopped",
        "An interrupt or a request to terminate came before the night was published. The last published night is untouched, what this one staged is removed, and the next run need not wait. A second signal ends the program where it is: `headwater status` then says whether the night is published.",
        "Run again.";
    UnreadableLease "E0705" "the record of who is at work cannot be read",
        "The run that wrote the record may be at work, so it counts until a lease written then has ended by itself.",
        "Wait until the time the message names and run again, or remove the record once no run is at work.";
    NoNumberLeft "E0706" "a record that no other can follow",
        "Manifests and leases are numbered, and this one has the highest number there is. No run counts that far, so something else wrote it.",
        "Remove the object.";
    UnknownRun "E0707" "no such run",
        "Neither a kept manifest nor a held night has this run or number. What was superseded is kept for `outputs: keep_superseded_days`, and then removed with its manifest.",
        "`headwater status` lists the runs that are kept.";
    IncompleteRun "E0708" "objects of a published run are gone",
        "An object that the run's manifest lists is not there, or no longer has the content it had, so it cannot be published again. What is published now is untouched.",
        "Restore the objects from a backup, or run the night again.";
    NotPublished "E0709" "a night or an account that is not published",
        "What was asked for is looked up in a published night, and it is not there.",
        "`headwater status` lists the nights that are published.";
    OtherProject "E0710" "a publication of another project",
        "What was published last at this location has another project's name. Its nights would be taken for this project's: replaced, and carried on.",
        "Publish to a location of its own; where the project was renamed, publish under its former name, or begin anew elsewhere.";
    WrongClock "E0711" "a clock that is wrong",
        "This machine's clock differs from the store's by more than half a minute. A lease ends by the clocks of the runs, so another run's would be taken for one that has ended, or this one's for one that lasts.",
        "Set the clock by a time server, then run again.";
    AuditFailed "E0801" "an audit failed",
        "The staged tables do not hold what the audit demands, so nothing was published.",
        "Look at the staged tables; the last published night is untouched.";
    AuditBroken "E0802" "an audit could not be evaluated",
        "An audit that cannot be evaluated is treated as failed.",
        "Correct the audit.";
    TestFailed "E0901" "a test of a rule failed",
        "The rules say something else of the given accounts than the test expects.",
        "Mend the rule, or the test if the rule is right.";
    CutByComment "W0101" "text that a comment cuts off",
        "A `#` after a blank begins a comment, and what stands there is not read. One without a blank behind it was most often meant as text.",
        "Put the text in quotes; behind the `#` of a comment, put a blank.";
    UnusedParameter "W0201" "a parameter nobody uses",
        "The parameter is declared but no expression refers to it.",
        "Remove it, or use it.";
    NoDescription "W0401" "a rule without description or owner",
        "Who is told by this rule will ask what it means and whom to ask.",
        "Add `description` and `owner` (an owner may stand under `defaults`).";
    ConditionsOverlap "W0402" "a flag whose begin and end can hold together",
        "`when` and `exit_when` compare the same value with constants, and for some values both hold. There the flag goes on, so it ends later than `exit_when` says.",
        "Leave a distance between the two, such as 80 to begin and 70 to end.";
    UnnoticedChange "W0403" "a small change of a rule that no test notices",
        "With this place changed a little, every test of the rule still passes: the tests say nothing about it, and a slip of the keyboard there would go unseen.",
        "Give a test an account on each side of the edge, as the message names it, and say what must come out.";
    NeverHolds "W0404" "a condition that never holds",
        "The constants in it contradict each other, such as above 90 and below 30, so no account can ever meet it.",
        "Exchange the bounds, or write OR where one of them is enough.";
    SegmentUnreachable "W0405" "a segment that nobody gets into",
        "Every account that meets its condition meets that of a segment that is tried before, and the first that matches wins.",
        "Put the narrower condition first.";
    MuteOver "W0406" "a mute that is over",
        "The night is later than the last one of a mute, which does nothing any more: its rules are heard again.",
        "Remove it, or give it another last night.";
    SameForAll "W0407" "a condition that says the same of every account",
        "Two constants are compared with each other, so no account can make it true or false.",
        "Compare a metric or a column with a constant.";
    BandGap "W0408" "a breach between two bands",
        "Values between two bands are a breach, although smaller and greater ones are not: most often an edge that belongs to neither.",
        "Let the bands meet, for example `>= 1.00` and `0.95..1.00`.";
    UnitsMixed "W0409" "units that do not go together",
        "Two values are added up or compared that are measured in different things: money and time, days and months, percentages and shares of one.",
        "Bring both to one unit; `headwater metrics --search` says what a metric is measured in.";
    NoRules "W0410" "a project without rules",
        "No file matches where rules are looked for, so nobody is flagged, and no audit of the project's own is asked.",
        "Correct the folder, or write `rules: []` where no rules are meant.";
    SmallSample "W0501" "an input with very few rows",
        "Metrics over this input rest on little.",
        "Check that the pattern matches the whole export.";
    UnreadWord "W0502" "a word that no metric reads",
        "Metrics read some columns by their words, such as the purpose of spend; a row with another word is none of those.",
        "Map the word to one that metrics read, or leave the rows out with `filter`.";
    ColumnsChanged "W0503" "columns of an input changed",
        "A column came, went or has another type than when the last night before this one was published. What rested on it may be unknown now.",
        "Look at the export, and at `drift` of the input, which says what becomes of such a night.";
    AuditWarned "W0801" "an audit failed that only warns",
        "The night was held by another audit; this one would have let it pass with a warning.",
        "Look at the staged tables before the night is run again.";
}

impl Code {
    /// The severity, from the code's first letter.
    #[must_use]
    pub fn severity(self) -> Severity {
        if self.id().starts_with('W') { Severity::Warning } else { Severity::Error }
    }

    /// The code printed as `id`.
    #[must_use]
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.id().eq_ignore_ascii_case(id))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.id())
    }
}
