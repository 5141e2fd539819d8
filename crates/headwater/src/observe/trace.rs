//! The trace of a run: itself, the parts of the night, and their steps, sent as OTLP over HTTP when the run has ended.
//!
//! Configured by the variables that OpenTelemetry defines, and by nothing else. The spans are made of what the manifest
//! records, so nothing is measured twice, and nothing is sent while the night works.

mod context;
mod otlp;
mod spans;

use prost::Message;
use reqwest::{Method, Url};
use sha2::{Digest, Sha256};

use self::context::Parent;
use self::otlp::{ExportTraceServiceRequest, ExportTraceServiceResponse, KeyValue};
use super::http::{self, Sent};
use super::record::{RunBegun, Told};
use crate::surroundings;

/// Where traces go, and what they say of this process.
pub(super) struct Tracing {
    url: Url,
    headers: Vec<(String, String)>,
    resource: Vec<KeyValue>,
    parent: Option<Parent>,
}

impl Tracing {
    /// What the environment says; none where it names no endpoint, or says that nothing is to be sent.
    pub(super) fn from_environment() -> Result<Option<Self>, String> {
        let variable = surroundings::variable;
        let is_off = variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
            || variable("OTEL_TRACES_EXPORTER").is_some_and(|value| value == "none");
        let own = variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
        let of_all = variable("OTEL_EXPORTER_OTLP_ENDPOINT");
        let url = match (own, of_all) {
            _ if is_off => return Ok(None),
            (None, None) => return Ok(None),
            (Some(own), _) => http::url("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &own)?,
            (None, Some(of_all)) => {
                let mut url = http::url("OTEL_EXPORTER_OTLP_ENDPOINT", &of_all)?;
                url.set_path(&format!("{}/v1/traces", url.path().trim_end_matches('/')));
                url
            }
        };
        let first = |names: [&str; 2]| names.into_iter().find_map(variable);
        let protocol = first(["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"]);
        if let Some(protocol) = protocol.filter(|protocol| protocol != "http/protobuf") {
            return Err(format!("traces are sent by http/protobuf, and not by {protocol}"));
        }
        let headers = first(["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"]);
        let parent = context::parent(variable("TRACEPARENT").as_deref(), variable("TRACESTATE"));
        if parent.as_ref().is_some_and(|parent| !parent.is_sampled) {
            // Whoever started the run does not keep its trace.
            return Ok(None);
        }
        Ok(Some(Self {
            url,
            headers: context::pairs(&headers.unwrap_or_default()),
            resource: context::resource(variable("OTEL_SERVICE_NAME"), variable("OTEL_RESOURCE_ATTRIBUTES")),
            parent,
        }))
    }

    /// Sends the spans of a run that ended.
    pub(super) async fn tell(&self, told: &Told) -> Result<(), String> {
        let Told::Ended(run) = told else { return Ok(()) };
        let trace = self.parent.as_ref().map_or_else(|| id(&run.begun, "trace"), |parent| parent.trace_id.to_vec());
        let spans = spans::of(run, &trace, self.parent.as_ref());
        let request = ExportTraceServiceRequest::of(self.resource.clone(), spans);
        let sent = Sent {
            method: Method::POST,
            url: &self.url,
            headers: &self.headers,
            content_type: "application/x-protobuf",
            body: request.encode_to_vec(),
        };
        let answer = http::send(sent).await?;
        let answer = ExportTraceServiceResponse::decode(answer.as_slice()).unwrap_or_default();
        match answer.partial_success.filter(|partial| partial.rejected_spans > 0) {
            None => Ok(()),
            Some(partial) => Err(format!("{} spans were refused: {}", partial.rejected_spans, partial.error_message)),
        }
    }
}

/// The trace that a run belongs to, in hexadecimal: its parent's, or its own. It stands in the log whether or not the
/// trace is sent.
pub(super) fn trace_id_of(run: &RunBegun) -> String {
    let parent = context::parent(surroundings::variable("TRACEPARENT").as_deref(), None);
    let trace = parent.map_or_else(|| id(run, "trace"), |parent| parent.trace_id.to_vec());
    trace.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Sixteen bytes that name a part of a run, and nothing else.
fn id(run: &RunBegun, part: &str) -> Vec<u8> {
    let name = [run.project(), &run.request.host, run.run_id(), part].join("\0");
    Sha256::digest(name.as_bytes()).iter().take(16).copied().collect()
}
