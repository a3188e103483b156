//! Values, and what is worked out of them.

use crate::script::{
    Fault, Parser,
    tree::{Expression, Operator, Piece},
};

impl Parser<'_> {
    /// A value as it stands behind a name or alone.
    pub(super) fn value(&mut self) -> Result<Expression, Fault> {
        match self.reader.peek() {
            Some('"') => self.quoted(),
            Some('[') => self.bracket(),
            Some('(') => self.parenthesis(),
            Some('{') => self.brace(),
            Some('$') => self.dollar_or_word(),
            None | Some(' ' | '\t' | '\n' | ';' | ']' | '}' | ')') => Ok(Expression::Nothing),
            Some(_) => self.bare(),
        }
    }

    /// `$name` alone, or a word that begins with it.
    fn dollar_or_word(&mut self) -> Result<Expression, Fault> {
        let before = self.reader.clone();
        self.reader.next();
        if matches!(self.reader.peek(), Some('(' | '[')) {
            return match self.reader.peek() {
                Some('(') => self.parenthesis(),
                _ => self.bracket(),
            };
        }
        let name = self.reader.variable()?;
        if self.reader.at_end() || matches!(self.reader.peek(), Some(' ' | '\t' | '\\')) {
            return Ok(Expression::Variable(name));
        }
        self.reader = before;
        self.bare()
    }

    /// A word without quotes, which may have variables in it.
    fn bare(&mut self) -> Result<Expression, Fault> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        loop {
            if self.reader.at_end() {
                break;
            }
            match self.reader.peek() {
                None | Some(' ' | '\t') => break,
                Some('\\') if self.reader.peek_at(1) == Some('\n') => break,
                Some('"') => return Err(Fault::syntax(self.reader.place())),
                Some('$') => {
                    self.reader.next();
                    pieces.push(Piece::Plain(std::mem::take(&mut plain)));
                    pieces.push(Piece::Value(Expression::Variable(self.reader.variable()?)));
                }
                Some(character) => {
                    plain.push(character);
                    self.reader.next();
                }
            }
        }
        if pieces.is_empty() {
            return Ok(Expression::Bare(plain));
        }
        pieces.push(Piece::Plain(plain));
        Ok(Expression::Text(pieces))
    }

    /// `[...]`
    fn bracket(&mut self) -> Result<Expression, Fault> {
        self.reader.next();
        Ok(Expression::Command(self.block(']')?))
    }

    /// `(...)`
    fn parenthesis(&mut self) -> Result<Expression, Fault> {
        self.reader.next();
        self.deeper()?;
        self.reader.space();
        let inner = self.expression(0)?;
        self.reader.space();
        if !self.reader.take(')') {
            return Err(Fault::syntax(self.reader.place()));
        }
        self.shallower();
        Ok(inner)
    }

    /// `{...}`: commands, or, where it cannot be that, a list.
    fn brace(&mut self) -> Result<Expression, Fault> {
        self.reader.next();
        let before = self.reader.clone();
        let (from, depth) = (self.reader.offset(), self.depth);
        let commands = self.block('}');
        let (statements, list) = match commands {
            Ok(statements) => (Some(statements), None),
            Err(fault) => {
                self.reader = before;
                self.depth = depth;
                (None, Some(self.list().map_err(|_| fault)?))
            }
        };
        let end = self.reader.offset().saturating_sub(1);
        let text = self.reader.between(from, end).trim().to_owned();
        Ok(Expression::Block {
            statements,
            list,
            text,
        })
    }

    fn list(&mut self) -> Result<Vec<Expression>, Fault> {
        self.deeper()?;
        let mut items = Vec::new();
        loop {
            self.reader.space();
            if self.reader.take('}') {
                self.shallower();
                return Ok(items);
            }
            items.push(self.expression(0)?);
            self.reader.space();
            if !self.reader.take(';') && self.reader.peek() != Some('}') {
                return Err(Fault::syntax(self.reader.place()));
            }
        }
    }

    /// Operators bind the tighter, the higher their number.
    fn expression(&mut self, least: u8) -> Result<Expression, Fault> {
        let mut left = self.operand()?;
        loop {
            let before = self.reader.clone();
            self.reader.space();
            let Some((operator, strength)) = self.operator() else {
                self.reader = before;
                return Ok(left);
            };
            if strength < least {
                self.reader = before;
                return Ok(left);
            }
            self.reader.space();
            let right = self.expression(strength + 1)?;
            left = Expression::Two(operator, Box::new(left), Box::new(right));
        }
    }

    fn operator(&mut self) -> Option<(Operator, u8)> {
        let signs = [
            ("->", Operator::Of, 9),
            ("||", Operator::Or, 1),
            ("&&", Operator::And, 2),
            ("!=", Operator::Unequal, 3),
            ("<=", Operator::AtMost, 3),
            (">=", Operator::AtLeast, 3),
            ("=", Operator::Equal, 3),
            ("<", Operator::Less, 3),
            (">", Operator::More, 3),
            ("~", Operator::Matches, 3),
            (".", Operator::Join, 4),
            (",", Operator::Append, 4),
            ("+", Operator::Add, 5),
            ("-", Operator::Subtract, 5),
            ("*", Operator::Multiply, 6),
            ("/", Operator::Divide, 6),
            ("%", Operator::Remainder, 6),
        ];
        for (sign, operator, strength) in signs {
            if self.reader.take_all(sign) {
                return Some((operator, strength));
            }
        }
        let before = self.reader.clone();
        match &*self.reader.word() {
            "or" => Some((Operator::Or, 1)),
            "and" => Some((Operator::And, 2)),
            "in" => Some((Operator::In, 3)),
            _ => {
                self.reader = before;
                None
            }
        }
    }

    fn operand(&mut self) -> Result<Expression, Fault> {
        self.reader.space();
        match self.reader.peek() {
            Some('!') => {
                self.reader.next();
                self.deeper()?;
                let inner = self.operand()?;
                self.shallower();
                Ok(Expression::Not(Box::new(inner)))
            }
            Some('-') if !self.reader.peek_at(1).is_some_and(|c| c.is_ascii_digit()) => {
                self.reader.next();
                self.deeper()?;
                let inner = self.operand()?;
                self.shallower();
                Ok(Expression::Minus(Box::new(inner)))
            }
            Some('"') => self.quoted(),
            Some('[') => self.bracket(),
            Some('(') => self.parenthesis(),
            Some('{') => self.brace(),
            Some('$') => {
                self.reader.next();
                Ok(Expression::Variable(self.reader.variable()?))
            }
            _ => self.operand_word(),
        }
    }

    /// A number, an address, a time, `true`: up to the next operator.
    fn operand_word(&mut self) -> Result<Expression, Fault> {
        let at = self.reader.place();
        let mut word = String::new();
        if self.reader.take('-') {
            word.push('-');
        } else if self.reader.take('*') {
            word.push('*');
        }
        while let Some(character) = self.reader.peek() {
            let number = !word.is_empty() && word.chars().all(|c| c.is_ascii_digit());
            let inside = matches!(character, '-' | '/') && !number;
            let part = character.is_alphanumeric()
                || matches!(character, '.' | ':' | '_')
                || (inside && !word.is_empty());
            if !part || (character == '-' && self.reader.peek_at(1) == Some('>')) {
                break;
            }
            word.push(character);
            self.reader.next();
        }
        if word.is_empty() {
            return Err(Fault::syntax(at));
        }
        Ok(Expression::Bare(word))
    }
}
