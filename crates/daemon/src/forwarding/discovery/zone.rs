//! A DNS for tests: what it says is written down, and what it is asked is remembered.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    sync::Mutex,
    time::Duration,
};

use super::records::{Answer, Dns, Naptr, Silent, Srv};

#[derive(Default)]
pub(super) struct Zone {
    naptr: HashMap<String, Vec<Naptr>>,
    srv: HashMap<String, Vec<Srv>>,
    addresses: HashMap<String, Vec<IpAddr>>,
    silent: HashSet<String>,
    ttl_s: HashMap<String, u64>,
    pub(super) slow: Duration,
    asked: Mutex<Vec<String>>,
}

impl Zone {
    /// `order preference flags services regexp replacement`, where `-` is nothing.
    pub(super) fn naptr(mut self, name: &str, records: &[&str]) -> Self {
        let read = |record: &&str| {
            let parts: Vec<&str> = record.split(' ').collect();
            let octets = |part: &str| part.trim_matches('-').as_bytes().to_vec();
            Naptr {
                order: parts[0].parse().unwrap(),
                preference: parts[1].parse().unwrap(),
                flags: octets(parts[2]),
                services: octets(parts[3]),
                regexp: octets(parts[4]),
                replacement: parts[5].to_owned(),
            }
        };
        self.naptr
            .insert(name.to_owned(), records.iter().map(read).collect());
        self
    }

    /// `priority weight port target`
    pub(super) fn srv(mut self, name: &str, records: &[&str]) -> Self {
        let read = |record: &&str| {
            let parts: Vec<&str> = record.split(' ').collect();
            Srv {
                priority: parts[0].parse().unwrap(),
                weight: parts[1].parse().unwrap(),
                port: parts[2].parse().unwrap(),
                target: parts[3].to_owned(),
            }
        };
        self.srv
            .insert(name.to_owned(), records.iter().map(read).collect());
        self
    }

    pub(super) fn host(mut self, name: &str, addresses: &[&str]) -> Self {
        let read = addresses.iter().map(|it| it.parse().unwrap());
        self.addresses.insert(name.to_owned(), read.collect());
        self
    }

    pub(super) fn silent(mut self, name: &str) -> Self {
        self.silent.insert(name.to_owned());
        self
    }

    pub(super) fn ttl(mut self, name: &str, seconds: u64) -> Self {
        self.ttl_s.insert(name.to_owned(), seconds);
        self
    }

    /// What was asked so far: the kind and the name.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    async fn answer<R: Clone>(
        &self,
        kind: &str,
        name: &str,
        records: &HashMap<String, Vec<R>>,
    ) -> Result<Answer<R>, Silent> {
        self.asked.lock().unwrap().push(format!("{kind} {name}"));
        tokio::time::sleep(self.slow).await;
        if self.silent.contains(name) {
            return Err(Silent);
        }
        let records = records.get(name).cloned().unwrap_or_default();
        let ttl = self.ttl_s.get(name).copied().unwrap_or(3_600);
        Ok(Answer {
            ttl: (!records.is_empty()).then_some(Duration::from_secs(ttl)),
            records,
        })
    }
}

impl Dns for Zone {
    async fn naptr(&self, name: &str) -> Result<Answer<Naptr>, Silent> {
        self.answer("NAPTR", name, &self.naptr).await
    }

    async fn srv(&self, name: &str) -> Result<Answer<Srv>, Silent> {
        self.answer("SRV", name, &self.srv).await
    }

    async fn addresses(&self, name: &str) -> Result<Answer<IpAddr>, Silent> {
        self.answer("HOST", name, &self.addresses).await
    }
}
