//! `strongroom object`: list, show and delete objects.

use super::token::confirm;
use crate::cli::Context;
use crate::cli::failure::{Failure, Result};
use crate::cli::pin::UserPin;
use crate::cli::render::{GOOD, Page, Report, styled};
use crate::cli::select::{Found, ObjectChoice, Summary, TokenChoice, summary};
use crate::cli::session::{Session, Token, Who, bytes};
use crate::cli::words::{self, Form};
use serde::{Serialize, Serializer};
use serde_json::Value;

/// `object …`
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// List the objects of a token
    List(List),
    /// Show the attributes of objects; never a secret value
    Show(Show),
    /// Destroy objects
    Delete(Delete),
}

/// Whose eyes look at the objects.
#[derive(clap::Args)]
pub(crate) struct Access {
    /// Do not log in: public objects only
    #[arg(long)]
    public: bool,
    #[command(flatten)]
    token: TokenChoice,
    #[command(flatten)]
    objects: ObjectChoice,
    #[command(flatten)]
    user: UserPin,
}

impl Access {
    /// The token, and a session in which the user is logged in (unless only public objects are wanted).
    fn open<'a>(&self, calls: Token<'a>) -> Result<(Found, Session<'a>)> {
        let found = self.objects.token(&self.token, calls)?;
        let session = Session::open(calls, found.slot)?;
        if !self.public {
            let source = self.user.source_with(self.objects.pin_source()?);
            let pin = source.present(&format!("PIN of the user of {:?}", found.info.label))?;
            session.login(Who::User, &pin)?;
        }
        Ok((found, session))
    }
}

/// List the objects of a token
#[derive(clap::Args)]
pub(crate) struct List {
    /// The PKCS#11 URI of every object too
    #[arg(long = "uri")]
    with_uris: bool,
    #[command(flatten)]
    access: Access,
}

impl List {
    pub(crate) fn run(self, cx: &Context) -> Result<Objects> {
        let (found, session) = self.access.open(cx.calls()?)?;
        let handles = session.find(self.access.objects.template()?)?;
        let mut objects: Vec<Summary> =
            handles.into_iter().map(|object| summary(&session, &found, object)).collect::<Result<_>>()?;
        objects.sort_by(|one, other| (&one.label, &one.id, &one.class).cmp(&(&other.label, &other.id, &other.class)));
        Ok(Objects { objects, with_uris: self.with_uris })
    }
}

/// Objects as a list.
#[derive(Serialize)]
pub(crate) struct Objects {
    pub(super) objects: Vec<Summary>,
    /// Whether people are shown the URIs: they are long. Programs always are.
    #[serde(skip)]
    pub(super) with_uris: bool,
}

impl Report for Objects {
    fn human(&self, page: &mut Page) {
        if self.objects.is_empty() {
            return page.say("No objects.");
        }
        let row = |object: &Summary| {
            let kind = object.kind.clone().unwrap_or_default();
            let uri = self.with_uris.then(|| object.uri.clone());
            [object.class.clone(), kind, object.label.clone(), object.id.clone()].into_iter().chain(uri).collect()
        };
        let columns = ["CLASS", "TYPE", "LABEL", "ID", "URI"];
        let shown = if self.with_uris { 5 } else { 4 };
        page.table(&columns[..shown], self.objects.iter().map(row));
    }
}

/// Show the attributes of objects; never a secret value
#[derive(clap::Args)]
pub(crate) struct Show {
    #[command(flatten)]
    access: Access,
}

impl Show {
    pub(crate) fn run(self, cx: &Context) -> Result<Shown> {
        let (found, session) = self.access.open(cx.calls()?)?;
        let handles = self.access.objects.find(&session)?;
        let show = |object| {
            let attributes = attributes(&session, object)?;
            Ok(Object { uri: summary(&session, &found, object)?.uri, attributes })
        };
        Ok(Shown { objects: handles.into_iter().map(show).collect::<Result<_>>()? })
    }
}

/// Objects with their attributes.
#[derive(Serialize)]
pub(crate) struct Shown {
    objects: Vec<Object>,
}

#[derive(Serialize)]
struct Object {
    uri: String,
    #[serde(serialize_with = "as_map")]
    attributes: Vec<(&'static str, Value)>,
}

/// Names and values as an object of JSON, in their order.
fn as_map<S: Serializer>(attributes: &[(&'static str, Value)], to: S) -> std::result::Result<S::Ok, S::Error> {
    to.collect_map(attributes.iter().map(|(name, value)| (name, value)))
}

impl Report for Shown {
    fn human(&self, page: &mut Page) {
        for object in &self.objects {
            page.heading(&object.uri);
            let told = object.attributes.iter().filter(|(_, value)| value.as_str() != Some(""));
            page.pairs(told.map(|(name, value)| ((*name).to_owned(), words_of(value))));
        }
    }
}

fn attributes(session: &Session<'_>, object: u64) -> Result<Vec<(&'static str, Value)>> {
    let kinds: Vec<u64> = words::ATTRIBUTES.iter().map(|(kind, _, _)| *kind).collect();
    let shown = session.attributes(object, &kinds)?;
    let named = words::ATTRIBUTES.iter().zip(shown);
    Ok(named.filter_map(|((_, name, form), shown)| Some((*name, value(*form, &bytes(shown)?)))).collect())
}

/// The value of an attribute as its form has it; bytes that do not fit the form, in hexadecimal.
fn value(form: Form, bytes: &[u8]) -> Value {
    let number = || <[u8; 8]>::try_from(bytes).ok().map(u64::from_le_bytes);
    let text = || std::str::from_utf8(bytes).ok().map(Value::from);
    let read = match form {
        Form::Flag => (bytes.len() == 1).then(|| Value::from(bytes[0] != 0)),
        Form::Number => number().map(Value::from),
        Form::Named(table) => number().map(|number| Value::from(words::name(table, number))),
        Form::Class => number().map(|number| match words::class_of(number) {
            Some(class) => Value::from(class.name),
            None => Value::from(format!("{number:#x}")),
        }),
        Form::Text | Form::Date => text(),
        Form::Hex => None,
        Form::Mechanism => number().map(|number| match number {
            u64::MAX => Value::Null,
            id => Value::from(words::mechanism(id)),
        }),
        Form::Mechanisms => bytes.len().is_multiple_of(8).then(|| mechanisms(bytes)),
    };
    read.unwrap_or_else(|| Value::from(words::hex(bytes)))
}

fn mechanisms(bytes: &[u8]) -> Value {
    let id = |chunk: &[u8]| chunk.try_into().map_or(u64::MAX, u64::from_le_bytes);
    bytes.chunks_exact(8).map(|chunk| Value::from(words::mechanism(id(chunk)))).collect()
}

fn words_of(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(words_of).collect::<Vec<_>>().join(" "),
        Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

/// Destroy objects. There is no way back
#[derive(clap::Args)]
pub(crate) struct Delete {
    /// Do not ask whether this is really meant
    #[arg(long, short = 'y')]
    yes: bool,
    /// More than one object may go; and where no label, id, class or URI is given, all
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    access: Access,
}

impl Delete {
    pub(crate) fn run(self, cx: &Context) -> Result<Deleted> {
        if self.access.objects.is_everything()? && !self.all {
            return Err(Failure::usage("nothing says which objects shall go")
                .hint("Say --label, --id, --class or a PKCS#11 URI; --all for every object of the token."));
        }
        let (found, session) = self.access.open(cx.calls()?)?;
        let handles = self.access.objects.find(&session)?;
        let objects: Vec<Summary> =
            handles.iter().map(|&object| summary(&session, &found, object)).collect::<Result<_>>()?;
        if !self.all && !one_identity(&objects) {
            return Err(Failure::usage(format!("{} objects fit, and they are not halves of one key", objects.len()))
                .hint("Say more precisely which with --id or --class, or --all for all of them."));
        }
        if !self.yes {
            let list: Vec<String> =
                objects.iter().map(|object| format!("  {} {:?} {}\n", object.class, object.label, object.id)).collect();
            confirm(&format!("{}Destroy {} for ever?", list.concat(), counted(objects.len())))?;
        }
        handles.iter().try_for_each(|&object| session.destroy(object))?;
        Ok(Deleted { deleted: objects })
    }
}

/// Whether the objects are one, or belong to each other: a key pair and its certificate share label and id.
fn one_identity(objects: &[Summary]) -> bool {
    let distinct = objects.windows(2).all(|pair| pair[0].id == pair[1].id && pair[0].label == pair[1].label);
    let mut classes: Vec<&str> = objects.iter().map(|object| object.class.as_str()).collect();
    classes.sort_unstable();
    classes.dedup();
    distinct && classes.len() == objects.len()
}

/// Objects that are no more.
#[derive(Serialize)]
pub(crate) struct Deleted {
    deleted: Vec<Summary>,
}

impl Report for Deleted {
    fn human(&self, page: &mut Page) {
        page.say(format!("{} {}.", styled(GOOD, "Destroyed"), counted(self.deleted.len())));
    }
}

fn counted(number: usize) -> String {
    if number == 1 { "one object".to_owned() } else { format!("{number} objects") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use strongroom_pkcs11::ck;

    #[test]
    fn values_read_as_their_form_says() {
        assert_eq!(value(Form::Flag, &[1]), Value::Bool(true));
        assert_eq!(value(Form::Number, &2048u64.to_le_bytes()), Value::from(2048));
        assert_eq!(value(Form::Class, &ck::CKO_PRIVATE_KEY.to_le_bytes()), Value::from("CKO_PRIVATE_KEY"));
        assert_eq!(value(Form::Mechanism, &u64::MAX.to_le_bytes()), Value::Null);
        assert_eq!(value(Form::Text, "ä".as_bytes()), Value::from("ä"));
        assert_eq!(value(Form::Text, &[0xff]), Value::from("ff"));
        assert_eq!(value(Form::Flag, &[1, 2]), Value::from("0102"));
    }

    #[test]
    fn only_halves_of_one_key_go_together() {
        let object = |class: &str, id: &str| Summary {
            class: class.into(),
            kind: None,
            label: "web".into(),
            id: id.into(),
            private: false,
            uri: String::new(),
        };
        assert!(one_identity(&[object("private", "01"), object("public", "01"), object("certificate", "01")]));
        assert!(!one_identity(&[object("private", "01"), object("private", "01")]));
        assert!(!one_identity(&[object("private", "01"), object("public", "02")]));
    }
}
