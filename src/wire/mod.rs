//! What crosses between module and vault: the codec, the frames, and the transports that carry them.

pub mod codec;
pub mod values;
