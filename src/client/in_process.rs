use crate::call::Transport;
use crate::config::Home;
use crate::error::*;
use crate::wire::codec::Writer;
pub(crate) struct Engine;
impl Engine {
    pub(crate) fn new(_: Home) -> Engine {
        Engine
    }
    pub(crate) fn forked(&self) -> Engine {
        Engine
    }
}
impl Transport for Engine {
    fn exchange<T>(&self, _: &Writer, _: impl FnOnce(&[u8]) -> Result<T>) -> Result<T> {
        Err(Code::DeviceError.into())
    }
}
