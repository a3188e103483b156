//! Statements and their arguments.

use crate::{
    schema::{Kind, Schema},
    script::{
        Fault,
        reader::Reader,
        tree::{Argument, Expression, Place, Statement, What},
    },
};

/// Words that begin with a colon, and stand everywhere.
const WORDS: [&str; 27] = [
    "beep", "delay", "do", "error", "execute", "find", "for", "foreach", "global", "if", "len",
    "local", "log", "nothing", "onerror", "pick", "put", "quit", "return", "set", "toarray",
    "tobool", "toip", "tonum", "tostr", "typeof", "while",
];

/// How deep blocks, brackets and parentheses go.
const DEEPEST: usize = 64;

/// Reads a script, command by command.
#[derive(Debug)]
pub(crate) struct Parser<'a> {
    schema: &'a Schema,
    pub(super) reader: Reader,
    menu: String,
    pub(super) depth: usize,
}

impl<'a> Parser<'a> {
    /// At the beginning of a script, in the root of all menus.
    pub(crate) fn new(schema: &'a Schema, text: &str) -> Self {
        Self {
            schema,
            reader: Reader::new(text),
            menu: String::new(),
            depth: 0,
        }
    }

    /// The whole script, checked before anything of it is done.
    pub(crate) fn all(schema: &'a Schema, text: &str) -> Result<Vec<Statement>, Fault> {
        let mut parser = Self::new(schema, text);
        let mut statements = Vec::new();
        while let Some(statement) = parser.next()? {
            statements.push(statement);
        }
        Ok(statements)
    }

    /// The next command of a script, none at its end.
    pub(crate) fn next(&mut self) -> Result<Option<Statement>, Fault> {
        let statement = self.statement()?;
        if statement.is_none() && self.reader.peek().is_some() {
            return Err(Fault::syntax(self.reader.place()));
        }
        Ok(statement)
    }

    /// The line that is read next, from 1.
    pub(crate) fn line(&self) -> usize {
        self.reader.place().line
    }

    /// The next command of a block: none before what closes it.
    fn statement(&mut self) -> Result<Option<Statement>, Fault> {
        loop {
            self.reader.gaps();
            if self.reader.at_end() {
                return Ok(None);
            }
            let at = self.reader.place();
            if let Some(what) = self.one(at)? {
                self.ended()?;
                return Ok(Some(Statement { what, at }));
            }
        }
    }

    fn ended(&mut self) -> Result<(), Fault> {
        self.reader.blanks();
        if self.reader.at_end() {
            return Ok(());
        }
        let at = self.reader.place();
        Err(Fault::spelled("expected end of command", at))
    }

    fn one(&mut self, at: Place) -> Result<Option<What>, Fault> {
        match self.reader.peek() {
            Some(':') => {
                self.reader.next();
                let at = self.reader.place();
                let name = self.reader.word();
                if !WORDS.contains(&&*name) {
                    return Err(bad_command(&name, at));
                }
                Ok(Some(What::Word(name, self.arguments("")?)))
            }
            Some('$') => {
                self.reader.next();
                let name = self.reader.variable()?;
                Ok(Some(What::Function(name, self.arguments("")?)))
            }
            Some('{') => {
                self.reader.next();
                Ok(Some(What::Block(self.block('}')?)))
            }
            _ => self.path(at),
        }
    }

    /// Commands up to what closes the block.
    pub(super) fn block(&mut self, closing: char) -> Result<Vec<Statement>, Fault> {
        self.deeper()?;
        let menu = self.menu.clone();
        let mut statements = Vec::new();
        while let Some(statement) = self.statement()? {
            statements.push(statement);
        }
        if !self.reader.take(closing) {
            let at = self.reader.place();
            return Err(match closing {
                '}' => Fault::spelled("expected closing brace", at),
                _ => Fault::syntax(at),
            });
        }
        self.menu = menu;
        self.depth -= 1;
        Ok(statements)
    }

    pub(super) fn deeper(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Fault::spelled("nested too deep", self.reader.place()));
        }
        Ok(())
    }

    pub(super) fn shallower(&mut self) {
        self.depth -= 1;
    }

    /// A command by its path, or a line that only goes to a menu.
    fn path(&mut self, start: Place) -> Result<Option<What>, Fault> {
        let rooted = self.reader.take('/');
        let mut base = if rooted {
            String::new()
        } else {
            self.menu.clone()
        };
        let mut first = !rooted;
        if rooted && self.reader.at_end() {
            self.menu.clear();
            return Ok(None);
        }
        loop {
            let at = self.reader.place();
            if self.reader.take_all("..") {
                base.truncate(base.rfind('/').unwrap_or(0));
            } else {
                let word = self.reader.word();
                if word.is_empty() {
                    return Err(if self.reader.place() == start {
                        Fault::spelled("expected command name", at)
                    } else {
                        Fault::syntax(at)
                    });
                }
                let path = format!("{base}/{word}");
                match self.schema.node(&path).map(|node| node.kind) {
                    Some(Kind::Command) => {
                        // `[find ...]` among the arguments looks in the command's own menu.
                        let menu = std::mem::replace(&mut self.menu, base);
                        let arguments = self.arguments(&path)?;
                        self.menu = menu;
                        return Ok(Some(What::Command(path, arguments)));
                    }
                    Some(Kind::Menu) => base = path,
                    Some(Kind::Argument) | None => {
                        if first && WORDS.contains(&&*word) {
                            return Ok(Some(What::Word(word, self.arguments("")?)));
                        }
                        if self.reader.peek() == Some('/') {
                            return Err(Fault::syntax(self.reader.place()));
                        }
                        return Err(bad_command(&word, at));
                    }
                }
            }
            first = false;
            if !self.reader.take('/') {
                self.reader.blanks();
            }
            if self.reader.at_end() {
                self.menu = base;
                return Ok(None);
            }
        }
    }

    /// What stands behind a command. `command` is its path, empty for words with a colon.
    fn arguments(&mut self, command: &str) -> Result<Vec<Argument>, Fault> {
        let mut arguments = Vec::new();
        let verb = command.rsplit('/').next().unwrap_or_default();
        if verb == "find" && !command.is_empty() {
            self.reader.blanks();
            self.word_where();
            arguments.push(Argument::Where(self.condition()?));
            return Ok(arguments);
        }
        loop {
            self.reader.blanks();
            if self.reader.at_end() {
                return Ok(arguments);
            }
            if !command.is_empty() && self.word_where() {
                arguments.push(Argument::Where(self.condition()?));
                return Ok(arguments);
            }
            let argument = self.argument(command)?;
            arguments.push(argument);
        }
    }

    fn argument(&mut self, command: &str) -> Result<Argument, Fault> {
        let at = self.reader.place();
        let before = self.reader.clone();
        let taken_away = self.reader.take('!');
        let name = self.reader.word();
        if taken_away {
            self.known(command, &name, at)?;
            return Ok(Argument::Named(format!("!{name}"), Expression::Nothing, at));
        }
        if !name.is_empty() && self.reader.take('=') {
            self.known(command, &name, at)?;
            let value = self.value()?;
            return Ok(Argument::Named(name, value, at));
        }
        self.reader = before;
        Ok(Argument::Plain(self.value()?, at))
    }

    /// An argument that the command does not have.
    fn known(&self, command: &str, name: &str, at: Place) -> Result<(), Fault> {
        let Some(node) = self.schema.node(command).filter(|_| !command.is_empty()) else {
            return Ok(());
        };
        let always = ["numbers", "number", ".id", "where", "as-value"];
        if node.children.contains_key(name) || always.contains(&name) {
            return Ok(());
        }
        Err(Fault::spelled(&format!("bad parameter {name}"), at))
    }

    /// Takes the word `where`.
    fn word_where(&mut self) -> bool {
        let before = self.reader.clone();
        if self.reader.word() == "where" && self.reader.peek() != Some('=') {
            return true;
        }
        self.reader = before;
        false
    }
}

fn bad_command(name: &str, at: Place) -> Fault {
    Fault::spelled(&format!("bad command name {name}"), at)
}
