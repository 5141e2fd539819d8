//! OpenLineage: that a night begins, and what it came to, with the datasets it read and wrote; and its audits and guardrails
//! as tests of the tables it wrote. Events go to a file, a JSON object a line, or to a URL.

mod events;
mod facets;

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use reqwest::{Method, Url};

use self::events::Surrounding;
use super::http::{self, Sent};
use super::record::Told;
use crate::args::Watching;
use crate::secrets::Secrets;
use crate::surroundings;

/// Where events go.
pub(super) struct Lineage {
    way: Way,
    surrounding: Surrounding,
    secrets: Secrets,
}

enum Way {
    File(PathBuf),
    Http { url: Url, headers: Vec<(String, String)> },
}

impl Lineage {
    /// What arguments or environment name.
    pub(super) fn of(watching: &Watching, secrets: &Secrets) -> Result<Option<Self>, String> {
        let variable = surroundings::variable;
        let is_off = variable("OPENLINEAGE_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let Some(place) = watching.lineage.clone().or_else(|| variable("OPENLINEAGE_URL").filter(|_| !is_off)) else {
            return Ok(None);
        };
        let way = if place.starts_with("http://") || place.starts_with("https://") {
            let mut url = http::url("the place of lineage", &place)?;
            let endpoint = variable("OPENLINEAGE_ENDPOINT").unwrap_or_else(|| "api/v1/lineage".to_owned());
            url.set_path(&format!("{}/{}", url.path().trim_end_matches('/'), endpoint.trim_start_matches('/')));
            let key = variable("OPENLINEAGE_API_KEY");
            let headers = key.map(|key| ("authorization".to_owned(), format!("Bearer {key}")));
            Way::Http { url, headers: headers.into_iter().collect() }
        } else if watching.lineage.is_none() || place.contains("://") {
            return Err("lineage goes to a file that an option names, or to a URL of http or https".to_owned());
        } else {
            Way::File(PathBuf::from(place))
        };
        let parent = match variable("OPENLINEAGE_PARENT_ID") {
            None => None,
            Some(text) => Some(facets::parent(&text).ok_or("OPENLINEAGE_PARENT_ID is not `namespace/job/run`")?),
        };
        let namespace = variable("OPENLINEAGE_NAMESPACE").unwrap_or_else(|| "headwater".to_owned());
        Ok(Some(Self { way, surrounding: Surrounding { namespace, parent }, secrets: secrets.clone() }))
    }

    /// Tells the events of a moment.
    pub(super) async fn tell(&self, told: &Told) -> Result<(), String> {
        let events = match told {
            Told::Began(run) => vec![events::start(run, &self.surrounding)],
            Told::Ended(run) => events::end(run, &self.surrounding),
        };
        // What an audit saw may be what a store answered.
        let events: Vec<String> = events.iter().map(|event| self.secrets.hidden(&event.to_string())).collect();
        match &self.way {
            Way::File(path) => {
                let to = path.clone();
                let written = tokio::task::spawn_blocking(move || append(&to, &events)).await;
                written.map_err(|error| error.to_string())?.map_err(|error| format!("{}: {error}", path.display()))
            }
            Way::Http { url, headers } => {
                for event in events {
                    let body = event.into_bytes();
                    let content_type = "application/json";
                    http::send(Sent { method: Method::POST, url, headers, content_type, body }).await?;
                }
                Ok(())
            }
        }
    }
}

/// Appends all events by one write, so that those of several runs do not mix.
fn append(path: &Path, events: &[String]) -> io::Result<()> {
    let lines: String = events.iter().map(|event| format!("{event}\n")).collect();
    OpenOptions::new().create(true).append(true).open(path)?.write_all(lines.as_bytes())
}
