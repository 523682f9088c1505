//! The same wrong calls on another module, and both answers side by side.
//!
//! A peer may crash or hang on a wrong call, and that is an answer, too. So the cases run in child processes (this
//! test's own program, started again): a child writes down each case before and after it. Where it dies or does not
//! come to an end, the next child goes on behind that case.

use super::*;
use std::fs::File;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The peer's module.
pub const MODULE: &str = "STRONGROOM_PEER";
/// What the peer is called in the table.
const NAME: &str = "STRONGROOM_PEER_NAME";
/// For a child: the number of its first case, and where it writes.
const FIRST: &str = "STRONGROOM_PEER_FIRST";
const ANSWERS: &str = "STRONGROOM_PEER_ANSWERS";

/// A case that takes longer does not end.
const LONGEST: Duration = Duration::from_secs(30);

/// What the peer did.
#[derive(Clone, PartialEq, Eq)]
pub enum Answer {
    Code(CK_RV),
    /// Its process was killed by a signal, or ended.
    Dies,
    Hangs,
    /// It cannot do what the case needs first.
    NotApplicable,
}

impl Answer {
    fn text(&self) -> String {
        match self {
            Answer::Code(rv) => name(*rv),
            Answer::Dies => "**dies**".to_owned(),
            Answer::Hangs => "**hangs**".to_owned(),
            Answer::NotApplicable => "n/a".to_owned(),
        }
    }
}

/// Whether this process is such a child; if so, its work is done when this returns.
pub fn is_child() -> bool {
    let Ok(first) = std::env::var(FIRST) else { return false };
    let module = std::env::var(MODULE).expect("the peer's module");
    let answers = File::options().append(true).open(std::env::var(ANSWERS).expect("a file")).expect("the answers");
    work(&Module::load(Path::new(&module)), first.parse().expect("a number"), answers);
    true
}

/// Runs the cases from `first` on.
fn work(p: &Module, first: usize, mut answers: File) {
    let before = before_initialisation();
    for (index, (_, call)) in before.iter().enumerate().skip(first) {
        noted(&mut answers, index, || call(p));
    }
    p.initialize().expect("C_Initialize of the peer");
    let cases = cases();
    let mut scene = set(p);
    std::panic::set_hook(Box::new(|_| ())); // what a case cannot set up is an answer, not news
    for (index, case) in cases.iter().enumerate().skip(first.saturating_sub(before.len())) {
        noted(&mut answers, before.len() + index, || run(case, &scene));
        tidy(p, &mut scene);
    }
    let _ = p.finalize();
}

fn noted(answers: &mut File, index: usize, case: impl FnOnce() -> CK_RV) {
    writeln!(answers, "{index}").expect("written");
    match catch_unwind(AssertUnwindSafe(case)) {
        Ok(rv) => writeln!(answers, "= {rv}").expect("written"),
        Err(_) => writeln!(answers, "= n/a").expect("written"),
    }
}

/// What the peer answers to each of `count` cases.
pub fn answers(count: usize) -> Vec<Answer> {
    let scratch = tempfile::tempdir().expect("a directory");
    let mut all: Vec<Answer> = Vec::new();
    for number in 0.. {
        let place = scratch.path().join(number.to_string());
        std::fs::create_dir_all(place.join("tokens")).expect("a directory");
        let path = place.join("answers");
        File::create(&path).expect("a file");
        let mut child = child(&place, &path, all.len());
        let hung = !ends(&mut child, &path);
        let (answered, begun) = read(&path);
        let given = answered.len();
        all.extend(answered);
        if all.len() >= count {
            break;
        }
        assert!(begun > given, "the peer cannot be set up: no case was begun after {}", all.len());
        // A case that ended a child behind others is tried again as the first of one, so that it is the case's doing.
        if given == 0 {
            all.push(if hung { Answer::Hangs } else { Answer::Dies });
        }
    }
    all
}

/// A child with a store of its own. (SoftHSM2 is told where by its variable; other peers do not mind.)
fn child(place: &Path, answers: &Path, first: usize) -> Child {
    let configuration = place.join("softhsm2.conf");
    let tokens = format!("directories.tokendir = {}\n", place.join("tokens").display());
    std::fs::write(&configuration, tokens).expect("a file");
    Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "every_wrong_call_gets_the_code_that_the_standard_names", "--nocapture"])
        .env(FIRST, first.to_string())
        .env(ANSWERS, answers)
        .env("SOFTHSM2_CONF", configuration)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a child")
}

/// Waits for a child. False where it had to be killed, because its answers did not go on.
fn ends(child: &mut Child, answers: &Path) -> bool {
    let (mut length, mut since) = (0, Instant::now());
    while child.try_wait().expect("a child").is_none() {
        std::thread::sleep(Duration::from_millis(50));
        let now = std::fs::metadata(answers).map_or(0, |file| file.len());
        if now != length {
            (length, since) = (now, Instant::now());
        } else if since.elapsed() > LONGEST {
            let _ = child.kill();
            let _ = child.wait();
            return false;
        }
    }
    true
}

/// The answers that a child wrote, and how many cases it began.
fn read(answers: &Path) -> (Vec<Answer>, usize) {
    let text = std::fs::read_to_string(answers).expect("the answers");
    let answered = text.lines().filter_map(|line| line.strip_prefix("= "));
    let answered = answered.map(|rv| rv.parse().map_or(Answer::NotApplicable, Answer::Code)).collect();
    (answered, text.lines().filter(|line| !line.starts_with('=')).count())
}

/// The page with both.
pub fn page(rows: &[Row], peer: &[Answer]) -> String {
    let name_of_peer = std::env::var(NAME).unwrap_or_else(|_| "the peer".to_owned());
    let ours = rows.iter().filter(|row| row.expected == row.answer).count();
    let count =
        |wanted: fn(&Row, &Answer) -> bool| rows.iter().zip(peer).filter(|(row, answer)| wanted(row, answer)).count();
    let same = count(|row, answer| *answer == Answer::Code(row.expected));
    let accepted = count(|row, answer| row.expected != CKR_OK && *answer == Answer::Code(CKR_OK));
    let others = count(|row, answer| matches!(answer, Answer::Code(rv) if ![row.expected, CKR_OK].contains(rv)));
    let dies = count(|_, answer| *answer == Answer::Dies);
    let hangs = count(|_, answer| *answer == Answer::Hangs);
    let not_applicable = count(|_, answer| *answer == Answer::NotApplicable);
    let mut text = format!(
        "# Return codes\n\n\
         What wrong calls are answered: {count} of them, each made through the C interface, on Strongroom and on \
         {name_of_peer}. The column \"the standard\" is the most specific code that PKCS#11 3.2 names for the case.\n\n\
         This page is written by a test, `tests/return_codes.rs`, which fails where Strongroom answers otherwise:\n\n\
         ```sh\n\
         STRONGROOM_PEER=/usr/lib/softhsm/libsofthsm2.so STRONGROOM_PEER_NAME=\"SoftHSM2 2.6.1\" \\\n    \
         STRONGROOM_CODES=$PWD/docs/return-codes.md cargo test --test return_codes\n\
         ```\n\n\
         On the peer the cases run in child processes. **dies**: the process ended by the call. **hangs**: no answer \
         in {seconds} seconds. n/a: the peer cannot do what the case needs first (it lacks the mechanism, or refused a \
         step before). The peer may implement an earlier version of the standard, and the standard often allows \
         more than one code: another code is less exact, and not always an error. CKR_OK says that the wrong call \
         was accepted.\n\n\
         | answer | Strongroom | {name_of_peer} |\n|---|---|---|\n\
         | the code that the standard names | {ours} | {same} |\n\
         | another code | {wrong} | {others} |\n\
         | CKR_OK: the wrong call was accepted | 0 | {accepted} |\n\
         | dies | 0 | {dies} |\n\
         | hangs | 0 | {hangs} |\n\
         | n/a | 0 | {not_applicable} |\n\n\
         | function | what is wrong | the standard | Strongroom | {name_of_peer} |\n|---|---|---|---|---|\n",
        count = rows.len(),
        seconds = LONGEST.as_secs(),
        wrong = rows.len() - ours,
    );
    for (Row { call, wrong, expected, answer }, peer) in rows.iter().zip(peer) {
        let _ = writeln!(text, "| {call} | {wrong} | {} | {} | {} |", name(*expected), name(*answer), peer.text());
    }
    text
}
