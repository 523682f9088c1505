//! A token for tests of the C face: it tells how many forks it is from its beginning, and refuses all else.

use super::state::Face;
use crate::call::{Calls, Remote, Transport, read_answer, write_refusal};
use crate::error::{Code, Result};
use crate::wire::codec::{Wire, Writer};

/// See above.
pub(super) struct Fake(Remote<Generation>);

pub(super) struct Generation(u64);

impl Default for Fake {
    fn default() -> Fake {
        Fake(Remote(Generation(0)))
    }
}

impl Face for Fake {
    fn calls(&self) -> &(dyn Calls + Sync) {
        &self.0
    }
    fn forked(&self) -> Result<Box<dyn Face>> {
        Ok(Box::new(Fake(Remote(Generation(self.0.0.0 + 1)))))
    }
}

impl Transport for Generation {
    fn exchange<T>(&self, request: &Writer, read: impl FnOnce(&[u8]) -> Result<T>) -> Result<T> {
        let mut answer = Writer::default();
        if request.bytes() == [1] {
            0u8.put(&mut answer);
            vec![self.0].put(&mut answer); // slot_list
        } else {
            write_refusal(&Code::FunctionRejected.into(), &mut answer);
        }
        read(answer.bytes())
    }
}

#[test]
fn it_answers_the_slot_list_only() {
    let fake = Fake::default();
    assert_eq!(fake.calls().slot_list().unwrap(), vec![0]);
    assert_eq!(fake.calls().close_session(1).unwrap_err().code(), Code::FunctionRejected);
    assert!(read_answer::<()>(&[]).is_err());
}
