//! What is not waited for gives way to what is.

/// A tenth of a processor that others want.
pub const FAR: i32 = 10;

/// A third of a processor that others want. With a tenth, views were late by up to a second, and some reads by a tenth of one.
pub const A_LITTLE: i32 = 5;

/// Takes less of a processor that others want, from here on: this thread on Linux, and those that it makes; elsewhere the process.
pub fn give_way(by: i32) {
    // It is a courtesy, and only that.
    let _ = rustix::process::nice(by);
}
