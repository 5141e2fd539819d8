//! `explain`: what a code means.

use headwater_diagnostics::{Code, closest};

use crate::args::Explain;
use crate::exit::Exit;
use crate::render::Output;

pub(crate) fn run(explain: &Explain, output: &Output) -> Exit {
    let Some(code) = Code::from_id(&explain.code) else {
        let close = closest(&explain.code.to_uppercase(), Code::ALL.iter().map(|code| code.id()));
        let hint = close.map(|close| format!("; did you mean {close}?")).unwrap_or_default();
        output.error(&format!("there is no code `{}`{hint}", explain.code));
        return Exit::NotFound;
    };
    if output.is_data() {
        output.data(&serde_json::json!({
            "code": code.id(), "title": code.title(), "meaning": code.meaning(), "remedy": code.remedy(),
        }));
    } else {
        output.result(&format!("{}: {}\n\n{}\n\n{}", code.id(), code.title(), code.meaning(), code.remedy()));
    }
    Exit::Done
}
