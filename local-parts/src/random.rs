//! Randomness for passwords and ids, from the operating system.

use std::fs::File;
use std::io::{self, Read};

/// 16 random bytes.
pub fn bytes() -> io::Result<[u8; 16]> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// 32 random hexadecimal digits: safe in file names, URLs and command lines.
pub fn hex() -> io::Result<String> {
    Ok(bytes()?.iter().map(|byte| format!("{byte:02x}")).collect())
}
