//! Profiles: parts of a project file that replace others when they are asked for.

use headwater_diagnostics::yaml::{Key, Node, Value};
use headwater_diagnostics::{Code, Diagnostic, Diagnostics};

/// A project file with one profile, or none, applied.
pub(crate) struct Variant {
    pub name: Option<String>,
    pub document: Node,
}

/// The keys that say what the project is: no profile changes them.
const FIXED: &[&str] = &["version", "name", "profiles"];

/// The key whose value is a preset's name, or a mapping that begins with one.
const POLICY: &str = "policy";

/// The file as it stands and with each of its profiles, so that all of them are checked.
pub(crate) fn variants(document: &Node, asked: Option<&str>, problems: &mut Diagnostics) -> Vec<Variant> {
    let mut variants = vec![Variant { name: None, document: document.clone() }];
    let profiles = child(document, "profiles");
    match profiles.map(|node| &node.value) {
        Some(Value::Map(entries)) => {
            let base = with_preset_as_mapping(document);
            for (key, overlay) in entries {
                refuse_fixed(overlay, problems);
                variants.push(Variant { name: Some(key.name.clone()), document: merge(&base, overlay) });
            }
        }
        Some(Value::Null) | None => {}
        Some(_) => {
            let span = profiles.map_or(document.span, |node| node.span);
            problems.push(Diagnostic::at(Code::WrongShape, span, "`profiles` must be a mapping of names to overrides"));
        }
    }
    if let Some(asked) = asked.filter(|asked| !variants.iter().any(|variant| variant.name.as_deref() == Some(*asked))) {
        problems.push(unknown(asked, &variants));
    }
    variants
}

fn unknown(asked: &str, variants: &[Variant]) -> Diagnostic {
    let known: Vec<&str> = variants.iter().filter_map(|variant| variant.name.as_deref()).collect();
    let problem = Diagnostic::of(Code::InvalidValue, "--profile", format!("the project has no profile `{asked}`"));
    let listed = if known.is_empty() { "it declares none".to_owned() } else { format!("it has {}", known.join(", ")) };
    problem.suggest(asked, known).note(listed)
}

fn refuse_fixed(overlay: &Node, problems: &mut Diagnostics) {
    if let Value::Map(entries) = &overlay.value {
        for (key, _) in entries.iter().filter(|(key, _)| FIXED.contains(&key.name.as_str())) {
            let message = format!("a profile cannot change `{}`", key.name);
            problems.push(Diagnostic::at(Code::ConflictingKeys, key.span, message));
        }
    }
}

fn child<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    match &node.value {
        Value::Map(entries) => entries.iter().find(|(key, _)| key.name == name).map(|(_, value)| value),
        _ => None,
    }
}

/// The file with a policy that is a preset's name written as a mapping, so that a profile can change a switch of it.
fn with_preset_as_mapping(document: &Node) -> Node {
    let mut document = document.clone();
    if let Value::Map(entries) = &mut document.value {
        for (_, policy) in entries.iter_mut().filter(|(key, policy)| key.name == POLICY && policy.as_text().is_some()) {
            let preset = Key { name: "preset".to_owned(), span: policy.span };
            policy.value = Value::Map(vec![(preset, policy.clone())]);
        }
    }
    document
}

/// `base` with what `overlay` says: mappings key by key, everything else as a whole.
fn merge(base: &Node, overlay: &Node) -> Node {
    let (Value::Map(under), Value::Map(over)) = (&base.value, &overlay.value) else {
        return overlay.clone();
    };
    let mut entries: Vec<(Key, Node)> = Vec::new();
    for (key, value) in under {
        match over.iter().find(|(name, _)| name.name == key.name) {
            Some((key, replacement)) => entries.push((key.clone(), merge(value, replacement))),
            None => entries.push((key.clone(), value.clone())),
        }
    }
    let added = over.iter().filter(|(key, _)| !under.iter().any(|(known, _)| known.name == key.name));
    entries.extend(added.cloned());
    Node { span: base.span, value: Value::Map(entries) }
}
