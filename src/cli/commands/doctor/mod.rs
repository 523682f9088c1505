//! `strongroom doctor`: checks what can be wrong, and says how to mend it.

mod files;
mod software;

use crate::cli::Context;
use crate::cli::failure::{Exit, Result};
use crate::cli::render::{BAD, FAINT, GOOD, Page, Report, WARN, styled};
use serde::Serialize;
use std::path::PathBuf;
use strongroom_pkcs11::config::EngineKind;
use strongroom_pkcs11::wire::values::Status;

/// Check the installation, and say how to mend what is wrong.
///
/// Looks at the home and its permissions, the vault (which is started where none runs), the store, the module, the
/// binary and their versions. The exit code is 0 where there is no problem, 6 for damage, 7 for a vault that does not
/// answer, 1 for anything else.
#[derive(clap::Args)]
pub(crate) struct Doctor {
    /// The module to look at
    #[arg(long, value_name = "PATH")]
    module: Option<PathBuf>,
}

impl Doctor {
    pub(crate) fn run(self, cx: &Context) -> Result<Diagnosis> {
        let mut findings = Vec::new();
        match cx.home() {
            Ok(home) => {
                findings.extend(files::check(&home));
                let isolated = home.config.engine == EngineKind::Vault;
                findings.extend(vault(cx, isolated));
            }
            Err(failure) => {
                let mend = "Correct the configuration; it is TOML.";
                findings.push(Finding::problem("configuration", failure.shown().text, mend));
            }
        }
        findings.extend(software::check(self.module.as_deref()));
        Ok(Diagnosis { healthy: findings.iter().all(|finding| finding.state != State::Problem), findings })
    }
}

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// As it should be.
    Good,
    /// Worth knowing; nothing is broken.
    Note,
    /// To be mended.
    Problem,
}

/// What was found about one thing.
#[derive(Serialize)]
struct Finding {
    about: &'static str,
    state: State,
    text: String,
    mend: Option<String>,
    /// The exit code that this finding asks for.
    #[serde(skip)]
    exit: Exit,
}

impl Finding {
    fn good(about: &'static str, text: impl Into<String>) -> Finding {
        Finding { about, state: State::Good, text: text.into(), mend: None, exit: Exit::Done }
    }

    fn note(about: &'static str, text: impl Into<String>, mend: impl Into<String>) -> Finding {
        Finding { about, state: State::Note, text: text.into(), mend: Some(mend.into()), exit: Exit::Done }
    }

    fn problem(about: &'static str, text: impl Into<String>, mend: impl Into<String>) -> Finding {
        Finding { about, state: State::Problem, text: text.into(), mend: Some(mend.into()), exit: Exit::Failed }
    }

    fn exit_with(self, exit: Exit) -> Finding {
        Finding { exit, ..self }
    }
}

/// What the vault says of itself.
fn vault(cx: &Context, isolated: bool) -> Vec<Finding> {
    let status = cx.calls().and_then(|calls| Ok(calls.status()?));
    let status = match status {
        Ok(status) => status,
        Err(failure) => {
            let mend = "Run `strongroom serve --foreground` and read what it says.";
            return vec![Finding::problem("vault", failure.shown().text, mend).exit_with(Exit::Busy)];
        }
    };
    let mut findings = vec![running(&status, isolated), version("vault", &status.version), records(&status)];
    findings.extend(status.damage.into_iter().map(|damage| {
        let mend = "Have the disk checked. Where something is lost, keep a copy of the home as it is and restore the newest backup.";
        Finding::problem("store", damage, mend).exit_with(Exit::Damaged)
    }));
    findings
}

fn running(status: &Status, isolated: bool) -> Finding {
    match isolated {
        true => Finding::good("vault", format!("answers: process {}, home {}", status.pid, status.home)),
        false => Finding::note(
            "vault",
            "engine = \"in-process\": applications hold their keys in their own memory",
            "Set engine = \"vault\" in strongroom.toml, unless this is what you want.",
        ),
    }
}

fn records(status: &Status) -> Finding {
    match status.read_only {
        false => Finding::good("store", format!("{} records", status.records)),
        true => Finding::note(
            "store",
            format!("{} records, read-only", status.records),
            "Nothing can be changed until the home is on a writable medium and the vault was started again.",
        ),
    }
}

/// Whether the version of another part is the version of this binary.
fn version(about: &'static str, theirs: &str) -> Finding {
    let own = env!("CARGO_PKG_VERSION");
    match theirs == own || own.strip_prefix(theirs).is_some_and(|rest| rest.starts_with('.')) {
        true => Finding::good(about, format!("version {theirs}")),
        false => Finding::problem(
            about,
            format!("version {theirs}, and this binary is {own}"),
            "Install module and binary of one version, end the running vault, and start the applications again.",
        ),
    }
}

/// All that was found.
#[derive(Serialize)]
pub(crate) struct Diagnosis {
    healthy: bool,
    findings: Vec<Finding>,
}

impl Report for Diagnosis {
    fn human(&self, page: &mut Page) {
        for finding in &self.findings {
            let mark = match finding.state {
                State::Good => styled(GOOD, "✓"),
                State::Note => styled(WARN, "•"),
                State::Problem => styled(BAD, "✗"),
            };
            let line = format!("{mark} {:<14} {}", finding.about, finding.text);
            match finding.state {
                State::Good => page.say(line),
                State::Note | State::Problem => page.line(line),
            }
            if let Some(mend) = &finding.mend {
                page.line(format!("  {:<14} {}", "", styled(FAINT, mend)));
            }
        }
        page.say(match self.healthy {
            true => "No problems.",
            false => "There are problems.",
        });
    }

    fn exit(&self) -> Exit {
        [Exit::Damaged, Exit::Busy, Exit::Failed]
            .into_iter()
            .find(|exit| self.findings.iter().any(|finding| finding.exit == *exit))
            .unwrap_or(Exit::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gravest_problem_gives_the_exit_code() {
        let plain = || Finding::problem("home", "x", "y");
        let exit = |findings| Diagnosis { healthy: false, findings }.exit();
        assert_eq!(exit(vec![Finding::good("home", "x"), Finding::note("home", "x", "y")]), Exit::Done);
        assert_eq!(exit(vec![plain()]), Exit::Failed);
        assert_eq!(exit(vec![plain(), plain().exit_with(Exit::Busy)]), Exit::Busy);
        assert_eq!(exit(vec![plain().exit_with(Exit::Busy), plain().exit_with(Exit::Damaged)]), Exit::Damaged);
    }

    #[test]
    fn a_version_may_lack_its_last_number_but_not_differ() {
        let own = env!("CARGO_PKG_VERSION");
        let short = own.rsplit_once('.').unwrap().0;
        assert_eq!(version("vault", own).state, State::Good);
        assert_eq!(version("module", short).state, State::Good);
        assert_eq!(version("module", "999.1").state, State::Problem);
    }
}
