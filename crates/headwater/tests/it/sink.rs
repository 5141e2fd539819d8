//! A collector on this machine: it answers as it is told to, and keeps what it was sent.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What a collector does with a request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Manner {
    /// Takes it.
    Takes,
    /// Refuses it by an answer, which repeats what it was sent, as some servers do.
    Complains,
    /// Takes the connection and says nothing.
    Hangs,
    /// Answers something that is no HTTP.
    Mumbles,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Names in small letters.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// A collector.
pub(crate) struct Sink {
    pub(crate) address: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Sink {
    pub(crate) fn new(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let received = Arc::default();
        let kept = Arc::clone(&received);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || serve(&stream, manner, &kept));
            }
        });
        Self { address, received }
    }

    /// An address at which nobody listens.
    pub(crate) fn nobody() -> String {
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// One request a connection.
fn serve(mut stream: &TcpStream, manner: Manner, kept: &Mutex<Vec<Received>>) {
    let Some(request) = read(stream) else { return };
    let body = request.body.len();
    let echo = format!("{} {:?}", request.path, request.headers);
    kept.lock().unwrap().push(request);
    let answer = match manner {
        Manner::Takes => "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned(),
        Manner::Complains => {
            format!("HTTP/1.1 401 {body} bytes\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{echo}", echo.len())
        }
        Manner::Hangs => return std::thread::sleep(std::time::Duration::from_secs(60)),
        Manner::Mumbles => "what?\r\n".to_owned(),
    };
    // Whoever asked may be gone.
    stream.write_all(answer.as_bytes()).ok();
}

fn read(stream: &TcpStream) -> Option<Received> {
    let mut reader = BufReader::new(stream);
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        Some(line.trim_end().to_owned())
    };
    let first = line()?;
    let mut words = first.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    while let Some((name, value)) = line()?.split_once(':') {
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some(Received { method, path, headers, body })
}
