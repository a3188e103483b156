//! Doing what a script says.

use std::{collections::HashMap, pin::Pin, sync::Arc};

use crate::{
    Machine, Record, Session,
    script::{
        Fault, Parser,
        tree::{Argument, Condition, Expression, Operator, Piece, Statement, What},
        value::Value,
    },
};

/// How many commands a script may do before it is stopped.
const MOST_STEPS: u32 = 200_000;
/// How much a script may say.
const MOST_OUTPUT: usize = 1 << 20;

/// What comes later.
pub(super) type Later<'a, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + 'a>>;

/// A script that runs.
pub(crate) struct Run {
    pub(super) machine: Arc<Machine>,
    pub(super) session: Session,
    /// What it has said, lines ended by CR and LF.
    pub(crate) output: String,
    pub(super) scopes: Vec<HashMap<String, Value>>,
    pub(super) globals: HashMap<String, Value>,
    pub(super) functions: HashMap<String, Vec<Statement>>,
    /// Commands are looked at, and none is done.
    pub(crate) rehearsing: bool,
    steps: u32,
}

impl Run {
    /// Of somebody, whose policies count.
    pub(crate) fn new(machine: &Arc<Machine>, session: &Session) -> Self {
        Self {
            machine: Arc::clone(machine),
            session: session.clone(),
            output: String::new(),
            scopes: vec![HashMap::new()],
            globals: HashMap::new(),
            functions: HashMap::new(),
            rehearsing: false,
            steps: 0,
        }
    }

    /// Checks the whole script, then does it.
    pub(crate) async fn script(&mut self, text: &str) -> Result<Value, Fault> {
        let statements = Parser::all(&self.machine.schema, text)?;
        self.outermost(&statements).await
    }

    /// Does a script line by line, as `/import` does: what stands before a fault is done.
    pub(crate) async fn import(&mut self, text: &str, verbose: bool) -> Result<(), (Fault, usize)> {
        let machine = Arc::clone(&self.machine);
        let mut parser = Parser::new(&machine.schema, text);
        loop {
            let line = parser.line();
            let statement = match parser.next() {
                Ok(Some(statement)) => statement,
                Ok(None) => return Ok(()),
                Err(fault) => return Err((fault, line)),
            };
            if verbose {
                self.say(&format!("#line {}", statement.at.line));
            }
            let at = statement.at.line;
            let done = self.outermost(std::slice::from_ref(&statement)).await;
            done.map_err(|fault| (fault, at))?;
        }
    }

    async fn outermost(&mut self, statements: &[Statement]) -> Result<Value, Fault> {
        match self.statements(statements).await {
            Err(Fault {
                returned: Some(value),
                ..
            }) => Ok(value),
            other => other,
        }
    }

    /// A line of output.
    pub(super) fn say(&mut self, line: &str) {
        if self.output.len() + line.len() < MOST_OUTPUT {
            self.output.push_str(line);
            self.output.push_str("\r\n");
        }
    }

    /// A block with variables of its own.
    pub(super) async fn scoped(&mut self, statements: &[Statement]) -> Result<Value, Fault> {
        self.scopes.push(HashMap::new());
        let outcome = self.statements(statements).await;
        self.scopes.pop();
        outcome
    }

    fn statements<'a>(&'a mut self, statements: &'a [Statement]) -> Later<'a, Value> {
        Box::pin(async move {
            let mut value = Value::Nothing;
            for statement in statements {
                value = self.statement(statement).await?;
            }
            Ok(value)
        })
    }

    async fn statement(&mut self, statement: &Statement) -> Result<Value, Fault> {
        self.steps += 1;
        if self.steps > MOST_STEPS {
            return Err(Fault::new("interrupted"));
        }
        match &statement.what {
            What::Word(word, arguments) => self.word(word, arguments, statement.at).await,
            What::Command(path, arguments) => self.command(path, arguments).await,
            What::Block(block) => self.scoped(block).await,
            What::Function(name, arguments) => self.function(name, arguments).await,
        }
    }

    async fn function(&mut self, name: &str, arguments: &[Argument]) -> Result<Value, Fault> {
        let Some(body) = self.functions.get(name).cloned() else {
            return Ok(self.variable(name));
        };
        let mut scope = HashMap::new();
        let mut position = 0;
        for argument in arguments {
            match argument {
                Argument::Named(name, value, _) => {
                    scope.insert(name.clone(), self.evaluate(value).await?);
                }
                Argument::Plain(value, _) => {
                    position += 1;
                    scope.insert(position.to_string(), self.evaluate(value).await?);
                }
                Argument::Where(_) => {}
            }
        }
        let outer = std::mem::replace(&mut self.scopes, vec![scope]);
        let outcome = self.outermost(&body).await;
        self.scopes = outer;
        outcome
    }

    /// The value of a variable, nothing where there is none.
    pub(super) fn variable(&self, name: &str) -> Value {
        let local = self.scopes.iter().rev().find_map(|scope| scope.get(name));
        let known = local.or_else(|| self.globals.get(name));
        known.cloned().unwrap_or(Value::Nothing)
    }

    /// What an expression is.
    pub(super) fn evaluate<'a>(&'a mut self, expression: &'a Expression) -> Later<'a, Value> {
        Box::pin(async move {
            match expression {
                Expression::Nothing => Ok(Value::Nothing),
                Expression::Bare(word) => Ok(Value::of_word(word)),
                Expression::Text(pieces) => self.text(pieces).await,
                Expression::Variable(name) => Ok(self.variable(name)),
                Expression::Command(statements) => self.statements(statements).await,
                Expression::Block {
                    list: Some(list), ..
                } => {
                    let mut values = Vec::new();
                    for item in list {
                        values.push(self.item(item).await?);
                    }
                    Ok(Value::List(values))
                }
                Expression::Block { text, .. } => Ok(Value::text(text)),
                Expression::Not(inner) => {
                    let value = self.evaluate(inner).await?;
                    let truth = value.truth().ok_or_else(|| cannot("invert", &value))?;
                    Ok(Value::Truth(!truth))
                }
                Expression::Minus(inner) => {
                    let value = self.evaluate(inner).await?;
                    let number = value.number().ok_or_else(|| cannot("negate", &value))?;
                    Ok(Value::Number(number.wrapping_neg()))
                }
                Expression::Two(operator, left, right) => self.two(*operator, left, right).await,
            }
        })
    }

    /// An item of a list, `"name"=value` among them.
    async fn item(&mut self, item: &Expression) -> Result<(Option<String>, Value), Fault> {
        if let Expression::Two(Operator::Equal, name, value) = item {
            let name = self.evaluate(name).await?.shown();
            return Ok((Some(name), self.evaluate(value).await?));
        }
        Ok((None, self.evaluate(item).await?))
    }

    async fn text(&mut self, pieces: &[Piece]) -> Result<Value, Fault> {
        let mut text = String::new();
        for piece in pieces {
            match piece {
                Piece::Plain(plain) => text.push_str(plain),
                Piece::Value(value) => text.push_str(&self.evaluate(value).await?.shown()),
            }
        }
        Ok(Value::Text(text))
    }

    async fn two(
        &mut self,
        operator: Operator,
        left: &Expression,
        right: &Expression,
    ) -> Result<Value, Fault> {
        let left = self.evaluate(left).await?;
        match (operator, left.truth()) {
            (Operator::And, Some(false)) => return Ok(Value::Truth(false)),
            (Operator::Or, Some(true)) => return Ok(Value::Truth(true)),
            _ => {}
        }
        let right = self.evaluate(right).await?;
        joined(operator, &left, &right)
    }

    /// Whether an item is what is looked for.
    pub(super) fn fits<'a>(
        &'a mut self,
        item: &'a Record,
        condition: &'a Condition,
    ) -> Later<'a, bool> {
        Box::pin(async move {
            match condition {
                Condition::Always => Ok(true),
                Condition::All(parts) => {
                    for part in parts {
                        if !self.fits(item, part).await? {
                            return Ok(false);
                        }
                    }
                    Ok(true)
                }
                Condition::Any(parts) => {
                    for part in parts {
                        if self.fits(item, part).await? {
                            return Ok(true);
                        }
                    }
                    Ok(false)
                }
                Condition::Not(inner) => Ok(!self.fits(item, inner).await?),
                Condition::Has(name) => {
                    Ok(!matches!(item.get(name), None | Some("" | "false" | "no")))
                }
                Condition::Is(name, operator, value) => {
                    let wanted = self.evaluate(value).await?;
                    let has = Value::text(item.text(name));
                    // What is not set is like `no`, and like an empty text.
                    if item.get(name).is_none() && wanted == Value::Truth(false) {
                        return Ok(*operator == Operator::Equal);
                    }
                    let outcome = joined(*operator, &has, &wanted)?;
                    Ok(outcome.truth().unwrap_or(false))
                }
            }
        })
    }
}

fn cannot(what: &str, value: &Value) -> Fault {
    Fault::new(format!("cannot {what} {}", value.kind()))
}

/// What two values give.
fn joined(operator: Operator, left: &Value, right: &Value) -> Result<Value, Fault> {
    let order = || left.order(right);
    Ok(match operator {
        Operator::Or | Operator::And => {
            let one = left.truth().ok_or_else(|| cannot("compare", left))?;
            let two = right.truth().ok_or_else(|| cannot("compare", right))?;
            Value::Truth(if operator == Operator::Or {
                one || two
            } else {
                one && two
            })
        }
        Operator::Equal => Value::Truth(left.same(right)),
        Operator::Unequal => Value::Truth(!left.same(right)),
        Operator::Less => Value::Truth(order().is_lt()),
        Operator::More => Value::Truth(order().is_gt()),
        Operator::AtMost => Value::Truth(order().is_le()),
        Operator::AtLeast => Value::Truth(order().is_ge()),
        Operator::Matches => Value::Truth(matches(&left.shown(), &right.shown())),
        Operator::In => {
            let inside = match right {
                Value::List(_) => right.items().iter().any(|item| item.same(left)),
                other => contains(&other.shown(), &left.shown()),
            };
            Value::Truth(inside)
        }
        Operator::Join => match (left, right) {
            (Value::List(_), _) | (_, Value::List(_)) => appended(left, right),
            _ => Value::Text(format!("{}{}", left.shown(), right.shown())),
        },
        Operator::Append => appended(left, right),
        Operator::Of => of(left, right),
        Operator::Add
        | Operator::Subtract
        | Operator::Multiply
        | Operator::Divide
        | Operator::Remainder => Value::Number(calculated(operator, left, right)?),
    })
}

fn appended(left: &Value, right: &Value) -> Value {
    Value::list(left.items().into_iter().chain(right.items()))
}

/// `$list->"name"` and `$list->3`.
fn of(list: &Value, key: &Value) -> Value {
    let Value::List(items) = list else {
        return Value::Nothing;
    };
    let found = match key {
        Value::Number(at) => usize::try_from(*at).ok().and_then(|at| items.get(at)),
        key => {
            let key = key.shown();
            let mut all = items.iter();
            all.find(|(name, _)| name.as_deref() == Some(&*key))
        }
    };
    found.map_or(Value::Nothing, |(_, value)| value.clone())
}

fn calculated(operator: Operator, left: &Value, right: &Value) -> Result<i64, Fault> {
    let one = left
        .number()
        .ok_or_else(|| cannot("calculate with", left))?;
    let two = right
        .number()
        .ok_or_else(|| cannot("calculate with", right))?;
    let outcome = match operator {
        Operator::Add => one.checked_add(two),
        Operator::Subtract => one.checked_sub(two),
        Operator::Multiply => one.checked_mul(two),
        Operator::Divide | Operator::Remainder if two == 0 => {
            return Err(Fault::new("division by zero"));
        }
        Operator::Divide => one.checked_div(two),
        _ => one.checked_rem(two),
    };
    outcome.ok_or_else(|| Fault::new("number out of range"))
}

/// Whether an address is in a prefix.
fn contains(prefix: &str, address: &str) -> bool {
    address
        .parse()
        .is_ok_and(|address| crate::value::prefix_has(prefix, address))
}

/// A regular expression, of which `^`, `$` and plain text are known: what scripts look for by.
fn matches(text: &str, pattern: &str) -> bool {
    let (head, pattern) = match pattern.strip_prefix('^') {
        Some(rest) => (true, rest),
        None => (false, pattern),
    };
    let (tail, pattern) = match pattern.strip_suffix('$') {
        Some(rest) => (true, rest),
        None => (false, pattern),
    };
    pattern.split('|').any(|wanted| match (head, tail) {
        (true, true) => text == wanted,
        (true, false) => text.starts_with(wanted),
        (false, true) => text.ends_with(wanted),
        (false, false) => text.contains(wanted),
    })
}
