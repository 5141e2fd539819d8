//! The command line: arguments in, text and an exit code out. Nothing here computes with data.

mod args;
mod commands;
mod exit;
mod observe;
mod pack;
mod render;
mod secrets;
mod surroundings;

use std::time::Duration;

use chrono::DateTime;
use clap::Parser;
use headwater_diagnostics::{Code, Diagnostic, Sources};
use headwater_nightly::Watch;

use crate::args::{Arguments, Command, Format};
use crate::exit::Exit;
use crate::observe::Observers;
use crate::render::Output;
use crate::secrets::Secrets;

/// musl's own allocator makes threads wait for each other: the demo's night takes 1.7 times as long with it.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Stack of every thread. Plans are trees that are walked by recursion, and a long condition is a deep tree.
const STACK_BYTES: usize = 256 << 20;
/// How long the end waits for work on the disk that nobody waits for any more.
const LEAVING: Duration = Duration::from_secs(1);

fn main() -> std::process::ExitCode {
    let night = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(begin);
    match night.map(std::thread::JoinHandle::join) {
        Ok(Ok(code)) => code,
        _ => Exit::Failed.into(),
    }
}

fn begin() -> std::process::ExitCode {
    let arguments = Arguments::parse();
    let secrets = surroundings::secrets();
    let output = Output::new(&arguments.global, &secrets);
    if arguments.global.format == Format::Sarif && !matches!(arguments.command, Command::Check(_) | Command::Test(_)) {
        output.error(
            "`--format sarif` is for `check` and `test`; other commands write `human`, `json`, `yaml` or `github`",
        );
        return Exit::Usage.into();
    }
    surroundings::start_logging(&arguments.global, &secrets);
    if surroundings::clock()() < DateTime::UNIX_EPOCH {
        // The engine does not bear it, and no night is of such a day.
        let problem = Diagnostic::of(Code::WrongClock, "this machine", "its clock is before 1970")
            .help("set the clock by a time server, then run again");
        output.diagnostics(&problem.into(), &Sources::default());
        return Exit::Failed.into();
    }
    let exit = match runtime() {
        Ok(runtime) => {
            let exit = runtime.block_on(observed(&arguments, &secrets, &output));
            // What a disk or a collector has not answered by then is left behind.
            runtime.shutdown_timeout(LEAVING);
            if exit == Exit::Done && output.is_cut_short() { Exit::Failed } else { exit }
        }
        Err(error) => {
            output.error(&format!("the runtime cannot start: {error}"));
            Exit::Failed
        }
    };
    exit.into()
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    // Said here, it is not asked of the environment, where it may say nonsense.
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(threads).thread_stack_size(STACK_BYTES).enable_all().build()
}

/// What a command comes to, told to whoever watches nights.
async fn observed(arguments: &Arguments, secrets: &Secrets, output: &Output) -> Exit {
    let Some((command, watching)) = arguments.command.watched() else {
        return run(arguments, &Watch::nobody(), output).await;
    };
    let observers = Observers::new(command, watching, secrets);
    let exit = run(arguments, &observers.watch(), output).await;
    observers.close(exit).await;
    exit
}

async fn run(arguments: &Arguments, watch: &Watch, output: &Output) -> Exit {
    let global = &arguments.global;
    match &arguments.command {
        Command::Demo(demo) => commands::demo::run(global, demo, watch, output).await,
        Command::Init(init) => commands::init::run(init, output),
        Command::Check(asked) => commands::check::run(global, asked, output),
        Command::Fmt(asked) => commands::fmt::run(global, asked, output),
        Command::Migrate(asked) => commands::migrate::run(global, asked, output),
        Command::Test(asked) => commands::test::run(global, asked, output).await,
        Command::Run(night) => commands::run::run(global, night, watch, output).await,
        Command::Backfill(asked) => commands::backfill::run(global, asked, watch, output).await,
        Command::Retry(asked) => commands::retry::run(global, asked, watch, output).await,
        Command::Reconcile(asked) => commands::reconcile::run(global, asked, output).await,
        Command::Schema(schema) => commands::schema::run(global, schema, output),
        Command::Ddl(asked) => commands::ddl::run(global, asked, output),
        Command::Status(asked) => commands::status::run(global, asked, output).await,
        Command::Rollback(asked) => commands::rollback::run(global, asked, output).await,
        Command::Gc(asked) => commands::gc::run(global, asked, output).await,
        Command::Doctor => commands::doctor::run(global, output).await,
        Command::Explain(explain) => commands::explain::run(explain, output),
        Command::Metrics(metrics) => commands::metrics::run(metrics, output),
    }
}
