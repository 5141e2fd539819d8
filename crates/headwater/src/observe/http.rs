//! One request to a collector, by the client that the object stores link too.

use std::time::Duration;

use reqwest::{Client, Method, Url};

/// How long a connection may take to come about.
const CONNECTING: Duration = Duration::from_secs(2);

/// A request that is to be sent.
pub(super) struct Sent<'a> {
    pub(super) method: Method,
    pub(super) url: &'a Url,
    pub(super) headers: &'a [(String, String)],
    pub(super) content_type: &'static str,
    pub(super) body: Vec<u8>,
}

/// Reads a URL that something is sent to. What is wrong with it is told without it: it may hold a password.
pub(super) fn url(name: &str, text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("{name} is not a URL: {error}"))?;
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(url),
        scheme => Err(format!("{name} must be a URL of http or https, not of {scheme}")),
    }
}

/// Sends a request, and gives what was answered. A user and password in the URL become a header.
///
/// Errors name the place without what may be secret, and never a header.
pub(super) async fn send(request: Sent<'_>) -> Result<Vec<u8>, String> {
    let client = Client::builder().connect_timeout(CONNECTING).redirect(reqwest::redirect::Policy::none());
    let client = client.build().map_err(|error| format!("no HTTP client: {error}"))?;
    let place = place(request.url);
    let failed = |error: reqwest::Error| format!("{place}: {}", chain(&error.without_url()));
    let mut asked = client.request(request.method, request.url.clone());
    for (name, value) in request.headers {
        asked = asked.header(name, value);
    }
    let asked = asked.header("content-type", request.content_type).body(request.body);
    let answer = asked.send().await.map_err(failed)?;
    let status = answer.status();
    if status.is_success() {
        answer.bytes().await.map(|bytes| bytes.to_vec()).map_err(failed)
    } else {
        Err(format!("{place} answered {status}"))
    }
}

/// Scheme, host, port and path.
fn place(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
}

/// An error with its causes: the last one says what happened.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
