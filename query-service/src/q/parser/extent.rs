//! Where a regular expression ends: a space belongs to it inside a balanced group or after a backslash.

/// A bracket without its partner.
pub enum Unclosed {
    /// One in the pattern.
    Inside { offset: usize, bracket: char },
    /// The parenthesis around the pattern.
    Whole,
}

/// The bytes that the pattern at the start of `rest` takes: up to a space or, if `enclosed`, up to the parenthesis that
/// closes what was opened before it.
pub fn of_pattern(rest: &str, enclosed: bool) -> Result<usize, Unclosed> {
    let mut open: Vec<(usize, char)> = Vec::new();
    let mut chars = rest.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let innermost = open.last().map(|(_, bracket)| *bracket);
        match (c, innermost) {
            ('\\', _) => drop(chars.next()),
            ('[', _) => {
                open.push((at, c));
                // The first character of a class is one of its members, also when it is `]`.
                chars.next_if(|(_, c)| *c == '^');
                chars.next_if(|(_, c)| *c == ']');
            }
            (']', Some('[')) | (')', Some('(')) => drop(open.pop()),
            ('(', None | Some('(')) => open.push((at, c)),
            (')', None) if enclosed => return Ok(at),
            (c, None) if !enclosed && c.is_ascii_whitespace() => return Ok(at),
            _ => {}
        }
    }
    match open.pop() {
        Some((offset, bracket)) => Err(Unclosed::Inside { offset, bracket }),
        None if enclosed => Err(Unclosed::Whole),
        None => Ok(rest.len()),
    }
}
