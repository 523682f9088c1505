//! What comes back for a request or a greeting: the result, or the refusal; and where the application stands then.

use crate::error::{Code, Error, Result};
use crate::wire::codec::{Reader, Wire, Writer, wire_struct};

/// What a client remembers of its application, to know what is lost when the vault ends. It travels with every answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The largest session or object handle given so far (or `after`, while none was).
    pub highest: u64,
    /// How many sessions are open.
    pub sessions: u64,
}
wire_struct!(Standing { highest, sessions });

/// Writes that a call was done, and its result.
pub(crate) fn write_result<'a>(result: &impl Wire<'a>, reply: &mut Writer) {
    0u8.put(reply);
    result.put(reply);
}

/// Writes a refusal in the place of whatever `reply` held.
pub fn write_refusal(error: &Error, reply: &mut Writer) {
    reply.clear();
    1u8.put(reply);
    error.code().rv().put(reply);
    error.why().to_owned().put(reply);
}

/// Reads an answer: the result, or the refusal as an error.
pub fn read_answer<'a, R: Wire<'a>>(answer: &'a [u8]) -> Result<R> {
    let mut reader = Reader::new(answer);
    if u8::take(&mut reader)? == 0 {
        let result = R::take(&mut reader)?;
        reader.end()?;
        return Ok(result);
    }
    let code = Code::from_rv(u64::take(&mut reader)?).unwrap_or(Code::GeneralError);
    Err(code.because(String::take(&mut reader)?))
}
