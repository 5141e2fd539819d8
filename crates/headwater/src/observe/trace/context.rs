//! What the environment says of a trace: the parent of the run, headers, and what the process is.

use super::otlp::KeyValue;
use crate::secrets::percent_decoded;
use crate::surroundings;

/// The span that the run belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parent {
    pub(super) trace_id: [u8; 16],
    pub(super) span_id: [u8; 8],
    pub(super) is_sampled: bool,
    /// What other systems say of the trace, passed on.
    pub(super) state: String,
}

/// Reads `TRACEPARENT`, as W3C Trace Context defines it; one that is not of this form counts as none.
pub(super) fn parent(traceparent: Option<&str>, state: Option<String>) -> Option<Parent> {
    let mut fields = traceparent?.split('-');
    let (version, trace, span, flags) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let [version] = bytes::<1>(version)?;
    // Version 00 has four fields; later ones may have more, and ff is none.
    if version == 0xff || (version == 0 && fields.next().is_some()) {
        return None;
    }
    let (trace_id, span_id, [flags]) = (bytes::<16>(trace)?, bytes::<8>(span)?, bytes::<1>(flags)?);
    if trace_id == [0; 16] || span_id == [0; 8] {
        return None;
    }
    Some(Parent { trace_id, span_id, is_sampled: flags & 1 == 1, state: state.unwrap_or_default() })
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let is_hexadecimal = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if text.len() != 2 * N || !is_hexadecimal {
        return None;
    }
    let mut bytes = [0; N];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// Reads `name=value,name=value`, where values may be percent-encoded; what is not of this form is passed over.
pub(super) fn pairs(text: &str) -> Vec<(String, String)> {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    let pairs = pairs.map(|(name, value)| (name.trim().to_owned(), percent_decoded(value.trim())));
    pairs.filter(|(name, _)| !name.is_empty()).collect()
}

/// What this process is. What the environment says counts for more than what the program says of itself.
pub(super) fn resource(service: Option<String>, attributes: Option<String>) -> Vec<KeyValue> {
    let own = [
        ("service.name", "headwater".to_owned()),
        ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
        ("host.name", surroundings::host()),
        ("telemetry.sdk.name", "headwater".to_owned()),
        ("telemetry.sdk.language", "rust".to_owned()),
        ("telemetry.sdk.version", env!("CARGO_PKG_VERSION").to_owned()),
    ];
    let own = own.into_iter().map(|(name, value)| (name.to_owned(), value));
    let said = pairs(&attributes.unwrap_or_default());
    let service = service.map(|service| ("service.name".to_owned(), service));
    let mut resource: Vec<(String, String)> = Vec::new();
    for (name, value) in own.chain(said).chain(service) {
        resource.retain(|(known, _)| *known != name);
        resource.push((name, value));
    }
    resource.into_iter().map(|(name, value)| KeyValue::text(&name, value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    #[test]
    fn a_parent_is_read_as_the_standard_says_and_anything_else_is_none() {
        let read = |text: &str| parent(Some(text), Some("a=1".to_owned()));
        let there = read(&format!("00-{TRACE}-{SPAN}-01")).unwrap();
        assert_eq!(there.trace_id[..2], [0x0a, 0xf7]);
        assert_eq!(there.span_id[7], 0x31);
        assert!(there.is_sampled && there.state == "a=1");
        assert!(!read(&format!("00-{TRACE}-{SPAN}-00")).unwrap().is_sampled);
        assert!(read(&format!("01-{TRACE}-{SPAN}-03-more")).unwrap().is_sampled);
        for wrong in [
            String::new(),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{}-{SPAN}-01", &TRACE[1..]),
        ] {
            assert_eq!(read(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn pairs_are_decoded_and_what_is_no_pair_is_passed_over() {
        let pairs = pairs("a=1, b = x%20y%2Cz ,none,=2,c=%zz%4");
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(pairs, [("a", "1"), ("b", "x y,z"), ("c", "%zz%4")]);
    }

    #[test]
    fn the_environment_has_the_last_word_on_what_the_process_is() {
        let named = |service: Option<&str>| {
            let said = resource(service.map(str::to_owned), Some("service.name=b,team=data".to_owned()));
            let names: Vec<String> = said.iter().map(|pair| pair.key.clone()).collect();
            assert_eq!(names.iter().filter(|name| *name == "service.name").count(), 1);
            assert!(names.contains(&"team".to_owned()));
            said.into_iter().find(|pair| pair.key == "service.name").unwrap()
        };
        assert_eq!(named(None), KeyValue::text("service.name", "b".to_owned()));
        assert_eq!(named(Some("c")), KeyValue::text("service.name", "c".to_owned()));
    }
}
