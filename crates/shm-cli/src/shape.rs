//! Shapes, as Python writes them.

/// `()`, `(3,)`, `(344, 403)`.
pub(crate) fn python_shape(shape: &[usize]) -> String {
    match shape {
        [length] => format!("({length},)"),
        lengths => {
            let lengths = Vec::from_iter(lengths.iter().map(usize::to_string));
            format!("({})", lengths.join(", "))
        }
    }
}
