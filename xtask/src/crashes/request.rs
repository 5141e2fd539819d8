//! A request to an object store, named by what it does to what.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};

use crate::Outcome;

/// Longest head of a request.
const HEAD_BYTES: usize = 64 << 10;

/// A moment of a run: the so-and-so-many-th request of a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// What is done, and to what: `PUT lease`.
    pub name: String,
    /// The how-many-th of this name, from 1.
    pub occurrence: usize,
}

impl fmt::Display for Point {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.occurrence {
            1 => formatter.write_str(&self.name),
            more => write!(formatter, "{} ({more})", self.name),
        }
    }
}

/// The moments of a run so far.
#[derive(Debug, Default)]
pub(super) struct Trace {
    points: Vec<Point>,
    counts: BTreeMap<String, usize>,
}

impl Trace {
    pub(super) fn add(&mut self, name: &str) -> Point {
        let count = self.counts.entry(name.to_owned()).or_default();
        *count += 1;
        let point = Point { name: name.to_owned(), occurrence: *count };
        self.points.push(point.clone());
        point
    }

    pub(super) fn points(&self) -> &[Point] {
        &self.points
    }
}

/// A request as it is passed on.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

impl Request {
    /// Reads a request whole; nothing where the connection ends before it begins.
    pub(super) fn read(stream: &mut impl Read) -> Outcome<Option<Self>> {
        let mut bytes = Vec::new();
        let mut chunk = [0; 16 << 10];
        let (head, body_at) = loop {
            if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = bytes.get(..at).unwrap_or_default();
                break (Head::parse(&String::from_utf8_lossy(head))?, at + 4);
            }
            let count = stream.read(&mut chunk)?;
            if count == 0 || bytes.len() > HEAD_BYTES {
                return Ok(None);
            }
            bytes.extend_from_slice(chunk.get(..count).unwrap_or_default());
        };
        let mut body = bytes.split_off(body_at);
        let missing = head.body_bytes.saturating_sub(body.len() as u64);
        stream.take(missing).read_to_end(&mut body)?;
        let name = head.name(&String::from_utf8_lossy(&body));
        Ok(Some(Self { name, bytes: [head.passed_on.into_bytes(), body].concat() }))
    }
}

/// What stands before the body.
struct Head {
    method: String,
    target: String,
    is_copy: bool,
    body_bytes: u64,
    /// The same, with the connection closed after the answer.
    passed_on: String,
}

impl Head {
    fn parse(text: &str) -> Outcome<Self> {
        let mut lines = text.split("\r\n");
        let first = lines.next().unwrap_or_default();
        let mut words = first.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut head = Self {
            method: method.to_owned(),
            target: target.to_owned(),
            is_copy: false,
            body_bytes: 0,
            passed_on: format!("{first}\r\n"),
        };
        for line in lines {
            let (name, value) = line.split_once(':').ok_or("a header without a colon")?;
            match name.to_ascii_lowercase().as_str() {
                "content-length" => head.body_bytes = value.trim().parse()?,
                "transfer-encoding" => return Err("a body of unknown length".into()),
                "x-amz-copy-source" | "x-ms-copy-source" => head.is_copy = true,
                "connection" => continue,
                _ => {}
            }
            head.passed_on.push_str(line);
            head.passed_on.push_str("\r\n");
        }
        head.passed_on.push_str("Connection: close\r\n\r\n");
        Ok(head)
    }

    fn name(&self, body: &str) -> String {
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let parameter = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        let is_list = parameter("list-type").is_some() || parameter("comp") == Some("list");
        match self.method.as_str() {
            "GET" if is_list => format!("LIST {}", touched(&decoded(parameter("prefix").unwrap_or_default()))),
            // Removals of several objects are named by the first.
            "POST" => format!("DELETE {}", touched(&decoded(first_removed(body)))),
            "PUT" if self.is_copy => format!("COPY to {}", touched(&decoded(path))),
            method => format!("{method} {}", touched(&decoded(path))),
        }
    }
}

/// The first object of a request to remove several, as S3 and Azure are asked.
fn first_removed(body: &str) -> &str {
    let between = |from: &str, to: &str| Some(body.split_once(from)?.1.split_once(to)?.0);
    between("<Key>", "</Key>").or_else(|| between("DELETE ", " HTTP")).unwrap_or_default()
}

/// A path without its percent signs.
fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let code = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.extend(code);
        bytes.extend_from_slice(part.get(2..).unwrap_or_default().as_bytes());
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What a path is of, by the layout of a publication.
pub(super) fn touched(path: &str) -> String {
    let Some((_, below)) = path.split_once("/published") else {
        let input = path.split_once("lake/company/").map_or("the lake", |(_, input)| input);
        return format!("input {}", input.split('/').next().unwrap_or_default());
    };
    let parts: Vec<&str> = below.split('/').filter(|part| !part.is_empty()).collect();
    match *parts.as_slice() {
        [] => "outputs".to_owned(),
        ["_leases", ..] => "lease".to_owned(),
        ["manifests", ..] => "manifest".to_owned(),
        ["_staging", run, table, ..] if run.starts_with("run_id") => format!("staged {table}"),
        ["_staging", run] if run.starts_with("run_id") => "staged night".to_owned(),
        ["_staging", _] => "probe".to_owned(),
        ["_staging", ..] => "staging".to_owned(),
        ["_aside", table, ..] => format!("{table} aside"),
        ["_aside"] => "what is aside".to_owned(),
        [table, _, mark] if mark.starts_with("_SUCCESS") => format!("mark of {table}"),
        [table, ..] => table.to_owned(),
    }
}

/// Sends a request without a body, by its head, and gives the answer.
pub(super) fn exchange(port: u16, head: &str) -> Outcome<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    write!(stream, "{head}Connection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
