//! What a command says: sentences and tables for people, one JSON document for programs.
//!
//! A command returns a [`Report`]; only this file writes to standard output and standard error.

use super::failure::{Exit, Failure};
use anstyle::{AnsiColor, Style};
use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};
use serde::Serialize;
use std::io::Write;
use std::process::ExitCode;

/// The outcome of a command, in both of its forms.
pub(crate) trait Report: Serialize {
    /// Writes it for people.
    fn human(&self, page: &mut Page);

    /// The exit code: other than 0 where the command did its work and found something wrong.
    fn exit(&self) -> Exit {
        Exit::Done
    }
}

/// How results are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Tables and sentences.
    Human,
    /// Tables only.
    Quiet,
    /// One JSON document.
    Json,
}

/// Headings, names of things.
pub(crate) const STRONG: Style = Style::new().bold();
/// What is in order.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// What needs attention.
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default();
/// What went wrong.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// What can be skipped when reading.
pub(crate) const FAINT: Style = Style::new().dimmed();

/// A text in a style.
pub(crate) fn styled(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// The text that a report writes.
pub(crate) struct Page {
    text: String,
    quiet: bool,
}

impl Page {
    /// An empty page.
    pub(crate) fn new(format: Format) -> Page {
        Page { text: String::new(), quiet: format == Format::Quiet }
    }

    /// A sentence; left out with `--quiet`.
    pub(crate) fn say(&mut self, sentence: impl AsRef<str>) {
        if !self.quiet {
            self.line(sentence);
        }
    }

    /// A line that is there in any case: data.
    pub(crate) fn line(&mut self, line: impl AsRef<str>) {
        self.text.push_str(line.as_ref());
        self.text.push('\n');
    }

    /// A heading with an empty line before it; left out with `--quiet`.
    pub(crate) fn heading(&mut self, heading: &str) {
        if !self.text.is_empty() && !self.quiet {
            self.text.push('\n');
        }
        self.say(styled(STRONG, heading));
    }

    /// A table with a row of column names.
    pub(crate) fn table(&mut self, columns: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
        let mut table = blank();
        table.set_header(columns.iter().map(|name| Cell::new(name).add_attribute(Attribute::Bold)));
        table.add_rows(rows);
        self.put(&table);
    }

    /// A table of two columns: a name and its value.
    pub(crate) fn pairs(&mut self, rows: impl IntoIterator<Item = (String, String)>) {
        let mut table = blank();
        table.add_rows(rows.into_iter().map(|(name, value)| vec![Cell::new(name).fg(Color::Cyan), Cell::new(value)]));
        self.put(&table);
    }

    fn put(&mut self, table: &Table) {
        for line in table.lines() {
            self.line(line.trim_end());
        }
    }
}

fn blank() -> Table {
    let mut table = Table::new();
    // Styles are always written and taken out again where standard output cannot show them. No cell is ever broken into
    // lines: what is shown can be copied.
    table.load_style(presets::NOTHING).enforce_styling().set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// Shows the outcome of a command and says how the process ends.
pub(crate) fn finish<R: Report>(outcome: Result<R, Failure>, format: Format) -> ExitCode {
    match outcome {
        Ok(report) => {
            let text = match format {
                Format::Json => document(&report),
                Format::Human | Format::Quiet => page(&report, format),
            };
            write(&mut anstream::stdout(), &text);
            ExitCode::from(report.exit() as u8)
        }
        Err(failure) => refuse(&failure, format),
    }
}

/// Shows a failure and says how the process ends.
pub(crate) fn refuse(failure: &Failure, format: Format) -> ExitCode {
    match format {
        Format::Json => write(&mut anstream::stdout(), &refusal(failure)),
        Format::Human | Format::Quiet => write(&mut anstream::stderr(), &lament(failure)),
    }
    ExitCode::from(failure.exit() as u8)
}

/// A remark that is no result: to standard error.
pub(crate) fn remark(text: &str) {
    write(&mut anstream::stderr(), &format!("{} {text}\n", styled(WARN, "note:")));
}

fn page<R: Report>(report: &R, format: Format) -> String {
    let mut page = Page::new(format);
    report.human(&mut page);
    page.text
}

#[derive(Serialize)]
struct Done<'a, R> {
    ok: bool,
    data: &'a R,
}

#[derive(Serialize)]
struct Refused<'a> {
    ok: bool,
    error: super::failure::Shown<'a>,
}

/// `{"ok":true,"data":{…}}`
fn document<R: Serialize>(report: &R) -> String {
    json(&Done { ok: true, data: report })
}

/// `{"ok":false,"error":{"code":…,"text":…,"hint":…}}`
fn refusal(failure: &Failure) -> String {
    json(&Refused { ok: false, error: failure.shown() })
}

fn json<T: Serialize>(value: &T) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_else(|error| {
        format!("{{\"ok\":false,\"error\":{{\"code\":\"CKR_GENERAL_ERROR\",\"text\":\"{error}\",\"hint\":null}}}}")
    });
    text.push('\n');
    text
}

fn lament(failure: &Failure) -> String {
    let mut text = format!("{} {failure}\n", styled(BAD, "error:"));
    if let Some(hint) = failure.shown().hint {
        text.push_str(&format!(" {} {hint}\n", styled(FAINT, "next:")));
    }
    text
}

/// Writes what can be written. A reader that has gone away (`| head`) is no failure of the command.
fn write(to: &mut dyn Write, text: &str) {
    let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
}

#[cfg(test)]
mod tests {
    use super::*;
    use strongroom_pkcs11::error::Code;

    #[derive(Serialize)]
    struct Two {
        tokens: Vec<&'static str>,
    }

    impl Report for Two {
        fn human(&self, page: &mut Page) {
            page.say("Two tokens.");
            page.table(&["LABEL"], self.tokens.iter().map(|label| vec![(*label).to_owned()]));
        }
    }

    #[test]
    fn json_of_a_result_is_ok_and_data() {
        let value: serde_json::Value = serde_json::from_str(&document(&Two { tokens: vec!["a", "b"] })).unwrap();
        assert_eq!(value, serde_json::json!({ "ok": true, "data": { "tokens": ["a", "b"] } }));
    }

    #[test]
    fn json_of_a_failure_is_code_text_and_hint() {
        let failure = Failure::new(Code::PinIncorrect, "the PIN of the user is not correct").hint("Try again.");
        let value: serde_json::Value = serde_json::from_str(&refusal(&failure)).unwrap();
        let error = serde_json::json!({
            "code": "CKR_PIN_INCORRECT", "text": "the PIN of the user is not correct", "hint": "Try again."
        });
        assert_eq!(value, serde_json::json!({ "ok": false, "error": error }));
        let bare: serde_json::Value = serde_json::from_str(&refusal(&Code::Cancel.into())).unwrap();
        assert!(bare["error"]["hint"].is_null());
    }

    #[test]
    fn quiet_keeps_tables_and_drops_sentences() {
        let two = Two { tokens: vec!["alpha", "beta"] };
        assert!(page(&two, Format::Human).contains("Two tokens."));
        let quiet = page(&two, Format::Quiet);
        assert!(!quiet.contains("Two tokens.") && quiet.contains("alpha"));
    }
}
