//! What crosses between module and vault: the codec, the frames, and the transports that carry them.

pub mod address;
pub mod answer;
pub mod codec;
pub mod hello;
pub mod seqpacket;
pub mod values;
