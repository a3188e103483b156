//! Text in quotes: what is escaped, and the variables in it.

use crate::script::{
    Fault, Parser,
    tree::{Expression, Piece},
};

impl Parser<'_> {
    pub(super) fn quoted(&mut self) -> Result<Expression, Fault> {
        let start = self.reader.place();
        self.reader.next();
        let mut pieces = Vec::new();
        let mut plain = String::new();
        loop {
            match self.reader.next() {
                None => return Err(Fault::syntax(start)),
                Some('"') => break,
                Some('\\') => self.escaped(&mut plain)?,
                Some('$') => {
                    pieces.push(Piece::Plain(std::mem::take(&mut plain)));
                    pieces.push(Piece::Value(self.inserted()?));
                }
                Some(character) => plain.push(character),
            }
        }
        pieces.push(Piece::Plain(plain));
        Ok(Expression::Text(pieces))
    }

    fn inserted(&mut self) -> Result<Expression, Fault> {
        match self.reader.peek() {
            Some('(' | '[') => self.value(),
            _ => Ok(Expression::Variable(self.reader.variable()?)),
        }
    }

    fn escaped(&mut self, plain: &mut String) -> Result<(), Fault> {
        let at = self.reader.place();
        let character = self.reader.next().ok_or_else(|| Fault::syntax(at))?;
        let meant = match character {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            '_' => ' ',
            '"' | '\\' | '$' | '?' => character,
            // The text goes on in the next line, where blanks at the beginning are none of it.
            '\n' => {
                while matches!(self.reader.peek(), Some(' ' | '\t')) {
                    self.reader.next();
                }
                return Ok(());
            }
            first => {
                let second = self.reader.next().and_then(|second| second.to_digit(16));
                let (first, second) = first.to_digit(16).zip(second).ok_or(Fault::syntax(at))?;
                u8::try_from(first * 16 + second).map_or('?', char::from)
            }
        };
        plain.push(meant);
        Ok(())
    }
}
