//! Commands of menus in a script.

use crate::{
    Call, Record, Reply,
    script::{
        Fault, Run, format,
        tree::{Argument, Condition, Expression},
        value::Value,
    },
};

/// Arguments that a value without a name is for, the first that a command has.
const PLAIN: [&str; 9] = [
    "numbers",
    "number",
    "address",
    "file-name",
    "file",
    "script",
    "message",
    "name",
    "command",
];

/// The arguments of a command, worked out.
#[derive(Default)]
struct Told {
    named: Record,
    plain: Vec<Value>,
    condition: Option<Condition>,
}

impl Run {
    pub(super) async fn command(
        &mut self,
        path: &str,
        arguments: &[Argument],
    ) -> Result<Value, Fault> {
        let (menu, verb) = path.rsplit_once('/').unwrap_or(("", path));
        let told = self.told(path, arguments).await?;
        if self.rehearsing {
            let named = told.named.iter();
            let call = named.fold(Call::new(path), |call, (name, value)| {
                call.with(name, value)
            });
            self.machine.check(&self.session, &call)?;
            return Ok(Value::Nothing);
        }
        match verb {
            "find" => self.find(menu, told).await,
            "get" => self.get(menu, told).await,
            "print" => self.print(menu, path, told).await,
            "export" if told.named.get("file").is_none() => {
                self.export(path, &told);
                Ok(Value::Nothing)
            }
            _ => self.plainly(menu, path, verb, told).await,
        }
    }

    /// Values of arguments; words that name an argument are flags.
    async fn told(&mut self, path: &str, arguments: &[Argument]) -> Result<Told, Fault> {
        let mut told = Told::default();
        for argument in arguments {
            match argument {
                Argument::Named(name, value, _) => {
                    let value = match value {
                        Expression::Bare(word) => word.clone(),
                        other => self.evaluate(other).await?.argument(),
                    };
                    told.named.set(name, value);
                }
                Argument::Plain(Expression::Bare(word), _) if self.is_flag(path, word) => {
                    told.named.set(word, "");
                }
                Argument::Plain(Expression::Bare(word), _) => told.plain.push(Value::text(word)),
                Argument::Plain(value, _) => told.plain.push(self.evaluate(value).await?),
                Argument::Where(condition) => told.condition = Some(condition.clone()),
            }
        }
        Ok(told)
    }

    fn is_flag(&self, path: &str, word: &str) -> bool {
        let node = self.machine.schema.node(path);
        word == "as-value" || node.is_some_and(|node| node.children.contains_key(word))
    }

    async fn records(&self, menu: &str) -> Result<Reply, Fault> {
        let call = Call::new(format!("{menu}/print"));
        Ok(self.machine.execute(&self.session, &call).await?)
    }

    async fn find(&mut self, menu: &str, told: Told) -> Result<Value, Fault> {
        let condition = told.condition.unwrap_or(Condition::Always);
        let mut ids = Vec::new();
        for record in self.records(menu).await?.records {
            if self.fits(&record, &condition).await? {
                ids.push(Value::text(record.id()));
            }
        }
        Ok(Value::list(ids))
    }

    /// The `.id`s of what is meant: ids, names, places in the list.
    async fn meant(&mut self, menu: &str, values: &[Value]) -> Result<Vec<String>, Fault> {
        let mut ids = Vec::new();
        for value in values.iter().flat_map(Value::items) {
            for word in value.shown().split(',').filter(|word| !word.is_empty()) {
                match word.parse::<usize>() {
                    Ok(at) => {
                        let records = self.records(menu).await?.records;
                        let record = records.get(at);
                        let id = record.map(|record| record.id().to_owned());
                        ids.push(id.ok_or_else(|| Fault::new("no such item"))?);
                    }
                    Err(_) => ids.push(word.to_owned()),
                }
            }
        }
        Ok(ids)
    }

    async fn get(&mut self, menu: &str, told: Told) -> Result<Value, Fault> {
        let records = self.records(menu).await?.records;
        let one = self
            .machine
            .menus
            .get(menu)
            .is_some_and(crate::menu::Menu::is_one);
        let mut plain = told.plain.clone();
        let name = told.named.get("value-name").map(Value::text);
        let record = if one {
            records.into_iter().next().unwrap_or_default()
        } else {
            let number = told.named.get("number").or(told.named.get("numbers"));
            let who = match number {
                Some(number) => Value::text(number),
                None if plain.is_empty() => return Err(Fault::new("no such item")),
                None => plain.remove(0),
            };
            let ids = self.meant(menu, &[who]).await?;
            let id = ids.first().map_or("", String::as_str);
            let key = self
                .machine
                .menus
                .get(menu)
                .and_then(|menu| menu.key.clone());
            let mut all = records.into_iter();
            let found = all.find(|record| {
                record.id() == id || key.as_ref().is_some_and(|key| record.get(key) == Some(id))
            });
            found.ok_or_else(|| Fault::new("no such item"))?
        };
        match name.or_else(|| plain.into_iter().next()) {
            Some(name) => {
                let value = record.get(&name.shown()).map(Value::of_word);
                Ok(value.unwrap_or(Value::Nothing))
            }
            None => Ok(listed(&record)),
        }
    }

    async fn print(&mut self, menu: &str, path: &str, told: Told) -> Result<Value, Fault> {
        let condition = told.condition.clone().unwrap_or(Condition::Always);
        let mut call = Call::new(path);
        for (name, value) in told.named.iter() {
            let ours = [
                "as-value",
                "count-only",
                "detail",
                "terse",
                "without-paging",
                "file",
            ];
            if !ours.contains(&name) {
                call = call.with(name, value);
            }
        }
        let all = self.machine.execute(&self.session, &call).await?.records;
        let ids = self.meant(menu, &told.plain).await?;
        let mut records = Vec::new();
        for record in all {
            let meant = ids.is_empty() || ids.iter().any(|id| id == record.id());
            if meant && self.fits(&record, &condition).await? {
                records.push(record);
            }
        }
        if told.named.has("count-only") {
            let count = i64::try_from(records.len()).unwrap_or(i64::MAX);
            self.say(&count.to_string());
            return Ok(Value::Number(count));
        }
        if told.named.has("as-value") {
            return Ok(Value::list(records.iter().map(listed)));
        }
        let one = self
            .machine
            .menus
            .get(menu)
            .is_some_and(crate::menu::Menu::is_one);
        let text = format::printed(one, &records);
        if let Some(file) = told.named.get("file") {
            let name = format!("{file}.txt");
            crate::files::write(&self.machine, &name, text.as_bytes())
                .map_err(|trap| Fault::from(vec![trap]))?;
        } else {
            text.lines().for_each(|line| self.say(line));
        }
        Ok(Value::Nothing)
    }

    fn export(&mut self, path: &str, told: &Told) {
        let call = told
            .named
            .iter()
            .fold(Call::new(path), |call, (name, value)| {
                call.with(name, value)
            });
        let text = crate::export::text(&self.machine, &self.session, &call);
        text.lines().for_each(|line| self.say(line));
    }

    async fn plainly(
        &mut self,
        menu: &str,
        path: &str,
        verb: &str,
        told: Told,
    ) -> Result<Value, Fault> {
        let mut call = Call::new(path);
        for (name, value) in told.named.iter() {
            call = call.with(name, value);
        }
        let node = self.machine.schema.node(path);
        let mut takes = PLAIN.iter().filter(|name| {
            node.is_some_and(|node| node.children.contains_key(**name))
                && told.named.get(name).is_none()
        });
        let first = takes.next().copied();
        let given = told.named.get("numbers").map(Value::text);
        let plain = match (first, given) {
            (Some("numbers"), _) if !told.plain.is_empty() => told.plain.clone(),
            (_, Some(given)) => vec![given],
            (Some(name), None) if !told.plain.is_empty() => {
                let value = told.plain.iter().map(Value::argument).collect::<Vec<_>>();
                call = call.with(name, value.join(","));
                Vec::new()
            }
            _ => Vec::new(),
        };
        if first == Some("numbers") || told.named.get("numbers").is_some() {
            let ids = self.meant(menu, &plain).await?;
            if ids.is_empty() && !plain.is_empty() {
                return match verb {
                    "set" | "move" | "unset" => Err(Fault::new("no such item")),
                    _ => Ok(Value::Nothing),
                };
            }
            if !ids.is_empty() {
                call = call.with("numbers", ids.join(","));
            }
        }
        let reply = self.machine.execute(&self.session, &call).await?;
        if !reply.records.is_empty() {
            let text = format::printed(!reply.list, &reply.records);
            text.lines().for_each(|line| self.say(line));
        }
        Ok(reply.ret.map_or(Value::Nothing, Value::Text))
    }
}

/// A record as a list with names.
fn listed(record: &Record) -> Value {
    let each = record.iter();
    Value::List(
        each.map(|(name, value)| (Some(name.to_owned()), Value::of_word(value)))
            .collect(),
    )
}

impl Record {
    fn has(&self, name: &str) -> bool {
        !matches!(self.get(name), None | Some("no" | "false"))
    }
}
