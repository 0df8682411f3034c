//! Looks for damage in a log: records go in, findings come out. Pure: whoever calls it reads the log, whatever kind it is.
//!
//! One [`Auditor`] judges one partition, since partitions stand alone. It applies the acceptance rule and the fold that the
//! writer itself uses ([`crate::domain::Model`]), and holds every value against its published schema. Records that do not count
//! are no damage where the protocol explains them: a writer that was replaced and did not know it yet, an announcement that came
//! too late, a batch without transactions of which a part was lost. What it does not explain is a [`Finding`].
//!
//! After damage it goes on as if the record were right, so that one cause is told once; [`Damage`] says what is given up then.
//!
//! A new kind of damage: a variant of [`Damage`], and where it is found: `form.rs` (a record by itself), `auditor.rs` (a record
//! among those before it).

mod auditor;
mod finding;
mod form;
#[cfg(test)]
pub(crate) mod tests;

pub use auditor::{Auditor, Summary};
pub use finding::{Damage, Finding};
pub use form::Schemas;
