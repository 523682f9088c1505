//! Operations whose work is one step at their end: over the collected data, or over its hash.
//!
//! The step is a closure, which holds the prepared key. A copy of an operation shares that key and copies the data.

use super::{Operation, Verification};
use crate::crypto::hash::{Hash, Hasher};
use crate::error::{Code, Result};
use crate::secret::Secret;
use zeroize::Zeroizing;

/// What data has to become before the last step.
trait Intake: Clone + Send + 'static {
    fn take(&mut self, data: &[u8]) -> Result<()>;
    fn whole(self) -> Zeroizing<Vec<u8>>;
}

/// The data itself, as long as it stays within a bound.
#[derive(Clone)]
struct Whole {
    data: Zeroizing<Vec<u8>>,
    most: usize,
    beyond: Code,
}

impl Intake for Whole {
    fn take(&mut self, data: &[u8]) -> Result<()> {
        if data.len() > self.most - self.data.len() {
            return Err(self.beyond.into());
        }
        append(&mut self.data, data);
        Ok(())
    }

    fn whole(self) -> Zeroizing<Vec<u8>> {
        self.data
    }
}

/// Appends, and wipes what memory is left behind if that means to move.
pub(super) fn append(to: &mut Zeroizing<Vec<u8>>, data: &[u8]) {
    let length = to.len() + data.len();
    if length > to.capacity() {
        let mut larger = Zeroizing::new(Vec::with_capacity(length.max(2 * to.capacity())));
        larger.extend_from_slice(to);
        *to = larger;
    }
    to.extend_from_slice(data);
}

impl Intake for Hasher {
    fn take(&mut self, data: &[u8]) -> Result<()> {
        self.update(data);
        Ok(())
    }

    fn whole(self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.finish())
    }
}

#[derive(Clone)]
struct Making<I, F> {
    intake: I,
    bound: usize,
    last: F,
}

impl<I: Intake, F: Fn(&[u8]) -> Result<Secret> + Clone + Send + 'static> Operation for Making<I, F> {
    fn update(&mut self, input: &[u8], _: &mut Vec<u8>) -> Result<()> {
        self.intake.take(input)
    }

    fn finish(self: Box<Self>, output: &mut Vec<u8>) -> Result<()> {
        let made = (self.last)(&self.intake.whole())?;
        output.extend_from_slice(&made);
        Ok(())
    }

    fn update_bound(&self, _: usize) -> usize {
        0
    }

    fn finish_bound(&self, _: usize) -> usize {
        self.bound
    }

    fn duplicate(&self) -> Box<dyn Operation> {
        Box::new(self.clone())
    }
}

#[derive(Clone)]
struct Checking<I, F> {
    intake: I,
    last: F,
}

impl<I: Intake, F: Fn(&[u8], &[u8]) -> Result<()> + Clone + Send + 'static> Verification for Checking<I, F> {
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.intake.take(data)
    }

    fn finish(self: Box<Self>, signature: &[u8]) -> Result<()> {
        (self.last)(&self.intake.whole(), signature)
    }

    fn duplicate(&self) -> Box<dyn Verification> {
        Box::new(self.clone())
    }
}

/// How much data an operation collects, and what it says to more.
#[derive(Clone, Copy)]
pub(super) struct Most(pub usize, pub Code);

fn whole(Most(most, beyond): Most) -> Whole {
    Whole { data: Zeroizing::default(), most, beyond }
}

/// An operation that collects its data and turns it into at most `bound` bytes.
pub(super) fn making(
    most: Most,
    bound: usize,
    last: impl Fn(&[u8]) -> Result<Secret> + Clone + Send + 'static,
) -> Box<dyn Operation> {
    Box::new(Making { intake: whole(most), bound, last })
}

/// An operation that hashes its data and turns the digest into at most `bound` bytes.
pub(super) fn making_of_hash(
    hash: Hash,
    bound: usize,
    last: impl Fn(&[u8]) -> Result<Secret> + Clone + Send + 'static,
) -> Box<dyn Operation> {
    Box::new(Making { intake: hash.start(), bound, last })
}

/// A verification that collects its data and judges it with the signature.
pub(super) fn checking(
    most: Most,
    last: impl Fn(&[u8], &[u8]) -> Result<()> + Clone + Send + 'static,
) -> Box<dyn Verification> {
    Box::new(Checking { intake: whole(most), last })
}

/// A verification that hashes its data and judges the digest with the signature.
pub(super) fn checking_of_hash(
    hash: Hash,
    last: impl Fn(&[u8], &[u8]) -> Result<()> + Clone + Send + 'static,
) -> Box<dyn Verification> {
    Box::new(Checking { intake: hash.start(), last })
}
