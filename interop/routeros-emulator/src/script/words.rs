//! The words that begin with a colon.

use std::{collections::HashMap, time::Duration};

use crate::{
    Record,
    script::{
        Fault, Run,
        tree::{Argument, Expression, Place, Statement},
        value::Value,
    },
};

/// The longest `:delay`.
const LONGEST_DELAY: Duration = Duration::from_mins(10);
/// How often a loop goes round.
const MOST_ROUNDS: u32 = 100_000;

/// The arguments of a word, looked up by name and by place.
struct Given<'a>(&'a [Argument]);

impl<'a> Given<'a> {
    fn named(&self, wanted: &str) -> Option<&'a Expression> {
        self.0.iter().find_map(|argument| match argument {
            Argument::Named(name, value, _) if name == wanted => Some(value),
            _ => None,
        })
    }

    fn plain(&self, at: usize) -> Option<&'a Expression> {
        let plain = self.0.iter().filter_map(|argument| match argument {
            Argument::Plain(value, _) => Some(value),
            _ => None,
        });
        plain.into_iter().nth(at)
    }

    fn block(&self, wanted: &str) -> Result<&'a [Statement], Fault> {
        statements(self.named(wanted).ok_or_else(|| missing(wanted))?)
    }

    fn name(&self) -> Result<&'a str, Fault> {
        match self.plain(0) {
            Some(Expression::Bare(name)) => Ok(name),
            _ => Err(missing("name")),
        }
    }
}

fn statements(expression: &Expression) -> Result<&[Statement], Fault> {
    match expression {
        Expression::Block {
            statements: Some(statements),
            ..
        }
        | Expression::Command(statements) => Ok(statements),
        _ => Err(Fault::new("expected a block of commands")),
    }
}

fn missing(name: &str) -> Fault {
    Fault::new(format!("missing value(s) of argument(s) {name}"))
}

impl Run {
    pub(super) async fn word(
        &mut self,
        word: &str,
        arguments: &[Argument],
        at: Place,
    ) -> Result<Value, Fault> {
        let given = Given(arguments);
        match word {
            "put" => {
                let shown = self.first(&given).await?.shown();
                self.say(&shown);
                Ok(Value::Nothing)
            }
            "log" => self.write_log(&given).await,
            "error" => {
                let message = self.first(&given).await?.shown();
                Err(Fault::new(self.placed(&message, at)))
            }
            "return" => Err(Fault::returning(self.first(&given).await?)),
            "quit" => Err(Fault::returning(Value::Nothing)),
            "local" | "global" => self.declare(word == "global", &given).await,
            "set" => self.assign(&given).await,
            "if" => self.choose(&given).await,
            "do" => self.attempt(&given).await,
            "onerror" => self.on_error(&given).await,
            "foreach" => self.for_each(&given).await,
            "for" => self.count(&given).await,
            "while" => self.repeat(&given).await,
            "delay" => {
                let value = self.first(&given).await?.shown();
                let wait = delay(&value).unwrap_or(Duration::from_secs(1));
                tokio::time::sleep(wait.min(LONGEST_DELAY)).await;
                Ok(Value::Nothing)
            }
            "execute" => {
                let text = self.first(&given).await?.shown();
                crate::scripts::background(&self.machine, &self.session, text);
                Ok(Value::Nothing)
            }
            _ => self.convert(word, &given).await,
        }
    }

    async fn first(&mut self, given: &Given<'_>) -> Result<Value, Fault> {
        match given.plain(0).or_else(|| given.named("message")) {
            Some(value) => self.evaluate(value).await,
            None => Err(missing("message")),
        }
    }

    /// Newer versions say where an error was made.
    fn placed(&self, message: &str, at: Place) -> String {
        if self.machine.release().says_empty() {
            format!("{message} (:error; line {})", at.line)
        } else {
            message.to_owned()
        }
    }

    async fn write_log(&mut self, given: &Given<'_>) -> Result<Value, Fault> {
        let topic = given.name()?.to_owned();
        let message = match given.plain(1).or_else(|| given.named("message")) {
            Some(value) => self.evaluate(value).await?.shown(),
            None => return Err(missing("message")),
        };
        self.machine.log(&format!("script,{topic}"), message);
        Ok(Value::Nothing)
    }

    async fn declare(&mut self, global: bool, given: &Given<'_>) -> Result<Value, Fault> {
        let name = given.name()?.to_owned();
        if let Some(body) = given.named("do") {
            self.functions.insert(name, statements(body)?.to_vec());
            return Ok(Value::Nothing);
        }
        let value = match given.plain(1) {
            Some(value) => Some(self.evaluate(value).await?),
            None => None,
        };
        if global {
            let known = self
                .machine
                .find("/system/script/environment", "name", &name);
            let stored = known.map(|known| Value::of_word(known.text("value")));
            if let Some(value) = value {
                self.keep(&name, value);
            } else {
                let value = stored.unwrap_or(Value::Nothing);
                self.globals.entry(name).or_insert(value);
            }
        } else if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name, value.unwrap_or(Value::Nothing));
        }
        Ok(Value::Nothing)
    }

    /// Global variables stay when the script has ended.
    fn keep(&mut self, name: &str, value: Value) {
        let menu = "/system/script/environment";
        let values = Record::new().with("value", value.shown());
        if let Some(known) = self.machine.find(menu, "name", name) {
            self.machine.update(menu, known.id(), &values);
        } else {
            let user = self.session.user.clone();
            let values = values.with("name", name).with("user", user);
            self.machine.insert(menu, values, true);
        }
        self.globals.insert(name.to_owned(), value);
    }

    async fn assign(&mut self, given: &Given<'_>) -> Result<Value, Fault> {
        let name = given.name()?.to_owned();
        let value = match given.plain(1) {
            Some(value) => self.evaluate(value).await?,
            None => Value::Nothing,
        };
        let mut scopes = self.scopes.iter_mut().rev();
        if let Some(place) = scopes.find_map(|scope| scope.get_mut(&name)) {
            *place = value;
        } else if self.globals.contains_key(&name) {
            self.keep(&name, value);
        } else if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name, value);
        }
        Ok(Value::Nothing)
    }

    async fn truth(&mut self, expression: &Expression) -> Result<bool, Fault> {
        let value = self.evaluate(expression).await?;
        let kind = value.kind();
        let truth = value.truth();
        truth.ok_or_else(|| Fault::new(format!("conditional not boolean ({kind})")))
    }

    async fn choose(&mut self, given: &Given<'_>) -> Result<Value, Fault> {
        let condition = given.plain(0).ok_or_else(|| missing("condition"))?;
        if self.truth(condition).await? {
            return self.scoped(given.block("do")?).await;
        }
        match given.named("else") {
            Some(block) => self.scoped(statements(block)?).await,
            None => Ok(Value::Nothing),
        }
    }

    async fn attempt(&mut self, given: &Given<'_>) -> Result<Value, Fault> {
        let block = match given.plain(0) {
            Some(block) => statements(block)?,
            None => given.block("command")?,
        };
        let mut rounds = 0;
        let outcome = loop {
            let outcome = self.scoped(block).await;
            let again = match given.named("while") {
                Some(condition) if outcome.is_ok() => self.truth(condition).await?,
                _ => false,
            };
            rounds += 1;
            if !again || rounds > MOST_ROUNDS {
                break outcome;
            }
        };
        match (outcome, given.named("on-error")) {
            (Err(fault), Some(block)) if fault.returned.is_none() => {
                self.scoped(statements(block)?).await
            }
            (outcome, _) => outcome,
        }
    }

    async fn on_error(&mut self, given: &Given<'_>) -> Result<Value, Fault> {
        let name = given.name()?.to_owned();
        match self.scoped(given.block("in")?).await {
            Err(fault) if fault.returned.is_none() => {
                let scope = HashMap::from([(name, Value::text(fault.message))]);
                self.scopes.push(scope);
                let outcome = self.scoped(given.block("do")?).await;
                self.scopes.pop();
                outcome.map(|_| Value::Truth(true))
            }
            Err(returned) => Err(returned),
            Ok(_) => Ok(Value::Truth(false)),
        }
    }

    async fn for_each(&mut self, given: &Given<'_>) -> Result<Value, Fault> {
        let names = given.name()?.to_owned();
        let block = given.block("do")?;
        let list = given.named("in").ok_or_else(|| missing("in"))?;
        let list = self.evaluate(list).await?;
        let entries = match list {
            Value::List(items) => items,
            other => other.items().into_iter().map(|item| (None, item)).collect(),
        };
        for (at, (name, value)) in entries.into_iter().enumerate() {
            let mut scope = HashMap::new();
            match names.split_once(',') {
                Some((key, item)) => {
                    let at = i64::try_from(at).unwrap_or(i64::MAX);
                    scope.insert(key.into(), name.map_or(Value::Number(at), Value::Text));
                    scope.insert(item.into(), value);
                }
                None => {
                    scope.insert(names.clone(), value);
                }
            }
            self.scopes.push(scope);
            let outcome = self.scoped(block).await;
            self.scopes.pop();
            outcome?;
        }
        Ok(Value::Nothing)
    }

    async fn count(&mut self, given: &Given<'_>) -> Result<Value, Fault> {
        let name = given.name()?.to_owned();
        let block = given.block("do")?;
        let mut bounds = [0, 0, 1];
        for (place, wanted) in bounds.iter_mut().zip(["from", "to", "step"]) {
            match given.named(wanted) {
                Some(value) => {
                    let value = self.evaluate(value).await?;
                    *place = value.number().ok_or_else(|| missing(wanted))?;
                }
                None if wanted == "step" => {}
                None => return Err(missing(wanted)),
            }
        }
        let [from, to, step] = bounds;
        let step = if step == 0 { 1 } else { step.abs() };
        let (mut at, down) = (from, to < from);
        let mut rounds = 0;
        while if down { at >= to } else { at <= to } {
            rounds += 1;
            if rounds > MOST_ROUNDS {
                return Err(Fault::new("interrupted"));
            }
            self.scopes
                .push(HashMap::from([(name.clone(), Value::Number(at))]));
            let outcome = self.scoped(block).await;
            self.scopes.pop();
            outcome?;
            at = if down { at - step } else { at + step };
        }
        Ok(Value::Nothing)
    }

    async fn repeat(&mut self, given: &Given<'_>) -> Result<Value, Fault> {
        let condition = given.plain(0).ok_or_else(|| missing("condition"))?;
        let block = given.block("do")?;
        let mut rounds = 0;
        while self.truth(condition).await? {
            rounds += 1;
            if rounds > MOST_ROUNDS {
                return Err(Fault::new("interrupted"));
            }
            self.scoped(block).await?;
        }
        Ok(Value::Nothing)
    }

    async fn convert(&mut self, word: &str, given: &Given<'_>) -> Result<Value, Fault> {
        let mut values = Vec::new();
        for at in 0..3 {
            if let Some(value) = given.plain(at) {
                values.push(self.evaluate(value).await?);
            }
        }
        let value = values.first().cloned().unwrap_or(Value::Nothing);
        Ok(match word {
            "len" => Value::Number(length(&value)),
            "typeof" => Value::text(value.kind()),
            "tostr" => Value::Text(value.shown()),
            "tonum" => value.number().map_or(Value::Nothing, Value::Number),
            "tobool" => value.truth().map_or(Value::Nothing, Value::Truth),
            "toip" => match value.shown().parse::<std::net::IpAddr>() {
                Ok(address) => Value::Text(address.to_string()),
                Err(_) => Value::Nothing,
            },
            "toarray" => match value {
                Value::Text(text) => Value::list(text.split(',').map(Value::of_word)),
                other => Value::list(other.items()),
            },
            "pick" => picked(&values),
            "find" => found(&values),
            _ => Value::Nothing,
        })
    }
}

fn length(value: &Value) -> i64 {
    let length = match value {
        Value::List(items) => items.len(),
        other => other.shown().chars().count(),
    };
    i64::try_from(length).unwrap_or(i64::MAX)
}

fn index(value: Option<&Value>) -> Option<usize> {
    usize::try_from(value?.number()?).ok()
}

fn picked(values: &[Value]) -> Value {
    let (Some(value), from) = (values.first(), index(values.get(1)).unwrap_or(0)) else {
        return Value::Nothing;
    };
    let to = index(values.get(2)).unwrap_or(from + 1);
    let many = to.saturating_sub(from);
    match value {
        Value::List(items) => match values.get(2) {
            None => items
                .get(from)
                .map_or(Value::Nothing, |(_, item)| item.clone()),
            Some(_) => Value::List(items.iter().skip(from).take(many).cloned().collect()),
        },
        other => Value::Text(other.shown().chars().skip(from).take(many).collect()),
    }
}

fn found(values: &[Value]) -> Value {
    let [value, wanted, ..] = values else {
        return Value::Nothing;
    };
    let from = index(values.get(2)).map_or(0, |after| after + 1);
    let at = match value {
        Value::List(items) => {
            let mut rest = items.iter().enumerate().skip(from);
            rest.find(|(_, (_, item))| item.same(wanted))
                .map(|(at, _)| at)
        }
        other => {
            let (text, wanted) = (other.shown(), wanted.shown());
            let mut starts = text.char_indices().enumerate().skip(from);
            starts
                .find(|(_, (byte, _))| text[*byte..].starts_with(&wanted))
                .map(|(at, _)| at)
        }
    };
    at.and_then(|at| i64::try_from(at).ok())
        .map_or(Value::Nothing, Value::Number)
}

/// `5`, `5s`, `500ms`, `1m30s`, `00:00:05`.
fn delay(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    crate::value::milliseconds(text).map(Duration::from_millis)
}
