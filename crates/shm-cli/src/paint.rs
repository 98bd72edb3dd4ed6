//! Colours and weights of text.

/// How a piece of text looks where colours are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Paint {
    /// As it is.
    #[default]
    Plain,
    /// The subject of a column or a line.
    Bold,
    /// Text that matters less.
    Dim,
    /// A good state.
    Green,
    /// A state that somebody should look at.
    Yellow,
    /// A fault.
    Red,
    /// A property that is out of the ordinary.
    Cyan,
}

impl Paint {
    /// The text with the escape sequences of this paint. See `console_codes(4)`.
    pub(crate) fn on(self, text: &str) -> String {
        if self == Self::Plain || text.is_empty() {
            return text.to_owned();
        }
        format!("\x1b[{}m{text}\x1b[0m", self.code())
    }

    /// The number of the attribute.
    fn code(self) -> u8 {
        match self {
            Self::Plain => 0,
            Self::Bold => 1,
            Self::Dim => 2,
            Self::Red => 31,
            Self::Green => 32,
            Self::Yellow => 33,
            Self::Cyan => 36,
        }
    }
}
