//! Building SQL/JSON paths. Postgres takes a path as one text, which is bound whole; strings in it are written as JSON.

use serde_json::Value;

use crate::q::scalar::Scalar;

/// A string literal.
pub fn string(text: &str) -> String {
    Value::from(text).to_string()
}

/// `$."mixins"."crm"`: the member at a path, looked for in arrays as well (one level each).
pub fn member<'a>(path: impl IntoIterator<Item = &'a String>) -> String {
    path.into_iter().fold("$".to_owned(), |written, word| written + "." + &string(word))
}

/// The literals that a scalar equals: the text and, bare, the number or boolean that it may be.
pub fn literals(scalar: &Scalar) -> Vec<Value> {
    let text = Some(Value::from(scalar.text.as_str()));
    [text, scalar.number().map(Value::Number), scalar.boolean().map(Value::Bool)].into_iter().flatten().collect()
}

/// `(a == 1 || a == 2)`, as a tree of little depth: Postgres recurses into it.
pub fn equals_any(operand: &str, literals: &[Value]) -> String {
    match literals {
        [] => "(1 == 2)".to_owned(),
        [literal] => format!("({operand} == {literal})"),
        _ => {
            let (left, right) = literals.split_at(literals.len() / 2);
            format!("({} || {})", equals_any(operand, left), equals_any(operand, right))
        }
    }
}

/// Whether [`equals_any`] stays small enough to be looked up in an index: each literal is a search of its own.
pub fn is_indexable(operand: &str, literals: &[Value]) -> bool {
    literals.len() <= 512 && literals.len() * operand.len() <= 64 * 1024
}
