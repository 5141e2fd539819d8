//! A proxy between a program and its object store, which counts requests and does one thing at one of them.
//!
//! Each connection carries one request: `Connection: close` goes both ways, so that an answer ends where its stream does.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::fault::Fault;
use super::request::{Point, Request, Trace};
use crate::Outcome;

/// How long a store is unavailable.
const OUTAGE: Duration = Duration::from_secs(2);
/// How often the end of a program is looked for.
const GLANCE: Duration = Duration::from_millis(5);
/// How long a program may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// A proxy that runs as long as it is kept.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    store: SocketAddr,
    trap: Option<(Point, Fault)>,
    state: Mutex<State>,
    is_over: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    trace: Trace,
    sprung: Option<Instant>,
    program: Option<Child>,
}

impl Proxy {
    /// Starts a proxy before the store on a port of this machine, with what is done at one request.
    ///
    /// # Errors
    /// Where no port is free.
    pub fn start(store: u16, trap: Option<(Point, Fault)>) -> Outcome<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let store = SocketAddr::from((Ipv4Addr::LOCALHOST, store));
        let shared = Shared { store, trap, state: Mutex::default(), is_over: AtomicBool::new(false) };
        let shared = Arc::new(shared);
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if serving.is_over.load(Ordering::SeqCst) {
                    return;
                }
                let serving = Arc::clone(&serving);
                // A connection that breaks is the program's concern, and not the proxy's.
                thread::spawn(move || serving.serve(client).ok());
            }
        });
        Ok(Self { address, shared })
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Runs a program that asks its store through this proxy, until it ends or is killed.
    ///
    /// # Errors
    /// Where it cannot be started, or takes longer than five minutes.
    pub fn run(&self, command: &mut Command) -> Outcome<ExitStatus> {
        self.shared.state().program = Some(command.spawn()?);
        let began = Instant::now();
        loop {
            if let Some(program) = &mut self.shared.state().program {
                if let Some(status) = program.try_wait()? {
                    return Ok(status);
                }
                if began.elapsed() > PATIENCE {
                    program.kill()?;
                    program.wait()?;
                    return Err("the program does not end".into());
                }
            }
            thread::sleep(GLANCE);
        }
    }

    /// The requests seen so far, in their order.
    #[must_use]
    pub fn points(&self) -> Vec<Point> {
        self.shared.state().trace.points().to_vec()
    }

    /// Whether the request was seen at which something is done.
    #[must_use]
    pub fn has_sprung(&self) -> bool {
        self.shared.state().sprung.is_some()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        // The listener wakes up and sees that it is over; where it cannot be reached, it is over already.
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is done at a request.
    fn fault_at(&self, request: &Request) -> Option<Fault> {
        let mut state = self.state();
        let point = state.trace.add(&request.name);
        let (target, fault) = self.trap.as_ref()?;
        if point == *target && state.sprung.is_none() {
            state.sprung = Some(Instant::now());
            return Some(*fault);
        }
        let is_out = *fault == Fault::Outage && state.sprung.is_some_and(|since| since.elapsed() < OUTAGE);
        is_out.then_some(Fault::Outage)
    }

    fn serve(&self, mut client: TcpStream) -> Outcome {
        let Some(request) = Request::read(&mut client)? else { return Ok(()) };
        match self.fault_at(&request) {
            None | Some(Fault::Failed | Fault::Full) => client.write_all(&self.forward(&request)?)?,
            Some(Fault::KilledBefore) => self.kill(),
            Some(Fault::KilledAfter) => {
                self.forward(&request)?;
                self.kill();
            }
            Some(Fault::Unavailable | Fault::Outage) => {
                client
                    .write_all(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
            }
            Some(Fault::Reset) => reset(&client)?,
            Some(Fault::AnswerLost) => {
                self.forward(&request)?;
                reset(&client)?;
            }
        }
        Ok(())
    }

    /// The store's answer.
    fn forward(&self, request: &Request) -> Outcome<Vec<u8>> {
        let mut store = TcpStream::connect(self.store)?;
        store.write_all(&request.bytes)?;
        let mut answer = Vec::new();
        store.read_to_end(&mut answer)?;
        Ok(answer)
    }

    fn kill(&self) {
        loop {
            if let Some(program) = &mut self.state().program {
                // Whatever is wrong, it has ended.
                program.kill().ok();
                return;
            }
            thread::sleep(GLANCE);
        }
    }
}

/// Makes the end of a connection a reset.
fn reset(client: &TcpStream) -> io::Result<()> {
    SockRef::from(client).set_linger(Some(Duration::ZERO))
}
