//! What was sent and is not read back yet, as it was before it became records: nobody needs to read them a second time.

use std::collections::VecDeque;

use shared::{
    events::{Envelope, Unreadable},
    log::{Chain, Record},
};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Sealed(VecDeque<(Chain, Envelope)>);

impl Sealed {
    /// Forgets what an earlier round has sent.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The record of this envelope was sent; it brings the chain to here.
    pub(crate) fn push(&mut self, chain: Chain, envelope: Envelope) {
        self.0.push_back((chain, envelope));
    }

    /// What an accepted record says that has brought the chain to here. Equal chains are equal records, place included.
    pub(super) fn open(&mut self, record: &Record, chain: Chain) -> Result<Envelope, Unreadable> {
        match self.0.pop_front_if(|(sealed, _)| *sealed == chain) {
            Some((_, envelope)) => {
                debug_assert_eq!(Envelope::open(record).ok().as_ref(), Some(&envelope), "sealed and opened again");
                Ok(envelope)
            }
            None => Envelope::open(record),
        }
    }
}
