//! What a script is once it is read.

/// A place in a script, both numbers from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// One command with all that stands behind it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Statement {
    pub(crate) what: What,
    pub(crate) at: Place,
}

/// What a statement does.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum What {
    /// A command that begins with a colon, without it: `put`.
    Word(String, Vec<Argument>),
    /// A command of a menu, by its whole path.
    Command(String, Vec<Argument>),
    /// A block that stands alone.
    Block(Vec<Statement>),
    /// `$function`, called with arguments.
    Function(String, Vec<Argument>),
}

/// What stands behind a command.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Argument {
    /// `name=value`
    Named(String, Expression, Place),
    /// A value without a name, or a flag.
    Plain(Expression, Place),
    /// What `find` and `print where` look for.
    Where(Condition),
}

/// Something that has a value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expression {
    /// A word without quotes.
    Bare(String),
    /// Text in quotes, or a word, with variables in it.
    Text(Vec<Piece>),
    Variable(String),
    /// `[...]`
    Command(Vec<Statement>),
    /// `{...}`, which is commands or a list, whichever it can be, and its text.
    Block {
        statements: Option<Vec<Statement>>,
        list: Option<Vec<Self>>,
        text: String,
    },
    Not(Box<Self>),
    Minus(Box<Self>),
    Two(Operator, Box<Self>, Box<Self>),
    Nothing,
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Piece {
    Plain(String),
    Value(Expression),
}

/// What is between two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Or,
    And,
    Equal,
    Unequal,
    Less,
    More,
    AtMost,
    AtLeast,
    Matches,
    In,
    Join,
    Append,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Of,
}

/// What an item must be to be found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    Always,
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    /// A property, an operator and a value.
    Is(String, Operator, Expression),
    /// The property is there and not `no`.
    Has(String),
}
