//! What `find` and `print where` look for.

use crate::script::{
    Fault, Parser,
    tree::{Condition, Operator},
};

impl Parser<'_> {
    /// Everything up to the end of the command.
    pub(super) fn condition(&mut self) -> Result<Condition, Fault> {
        self.reader.blanks();
        if self.reader.at_end() {
            return Ok(Condition::Always);
        }
        self.any()
    }

    fn any(&mut self) -> Result<Condition, Fault> {
        self.deeper()?;
        let mut parts = vec![self.every()?];
        while self.joined("||", "or") {
            parts.push(self.every()?);
        }
        self.shallower();
        Ok(match parts.len() {
            1 => parts.swap_remove(0),
            _ => Condition::Any(parts),
        })
    }

    fn every(&mut self) -> Result<Condition, Fault> {
        let mut parts = vec![self.single()?];
        loop {
            let joined = self.joined("&&", "and");
            self.reader.blanks();
            if !joined && (self.reader.at_end() || self.or_follows()) {
                break;
            }
            parts.push(self.single()?);
        }
        Ok(match parts.len() {
            1 => parts.swap_remove(0),
            _ => Condition::All(parts),
        })
    }

    fn single(&mut self) -> Result<Condition, Fault> {
        self.reader.blanks();
        if self.reader.take('!') {
            self.deeper()?;
            let inner = self.single()?;
            self.shallower();
            return Ok(Condition::Not(Box::new(inner)));
        }
        if self.reader.take('(') {
            let inner = self.any()?;
            self.reader.blanks();
            if !self.reader.take(')') {
                return Err(Fault::syntax(self.reader.place()));
            }
            return Ok(inner);
        }
        let at = self.reader.place();
        let name = self.reader.word();
        if name.is_empty() {
            return Err(Fault::syntax(at));
        }
        let Some(operator) = self.comparison() else {
            return Ok(Condition::Has(name));
        };
        self.reader.blanks();
        let value = self.value()?;
        Ok(Condition::Is(name, operator, value))
    }

    fn comparison(&mut self) -> Option<Operator> {
        let before = self.reader.clone();
        self.reader.blanks();
        let all = [
            ("!=", Operator::Unequal),
            ("<=", Operator::AtMost),
            (">=", Operator::AtLeast),
            ("=", Operator::Equal),
            ("<", Operator::Less),
            (">", Operator::More),
            ("~", Operator::Matches),
        ];
        for (sign, operator) in all {
            if self.reader.take_all(sign) {
                return Some(operator);
            }
        }
        if self.reader.word() == "in" && !self.reader.at_end() {
            return Some(Operator::In);
        }
        self.reader = before;
        None
    }

    fn joined(&mut self, sign: &str, word: &str) -> bool {
        let before = self.reader.clone();
        self.reader.blanks();
        if self.reader.take_all(sign) || self.reader.word() == word {
            return true;
        }
        self.reader = before;
        false
    }

    fn or_follows(&mut self) -> bool {
        let before = self.reader.clone();
        let follows = self.joined("||", "or");
        self.reader = before;
        follows
    }
}
