//! DNS, as the name servers of this machine or another one tell it.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig},
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
    proto::{
        op::ResponseCode,
        rr::{RData, RecordType},
    },
};

use super::records::{Answer, Dns, Naptr, Silent, Srv};

/// How long to wait for one answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// Asks name servers.
pub(crate) struct Resolver(TokioResolver);

impl Resolver {
    /// One that asks a name server, or those of the system.
    pub(crate) fn new(server: Option<SocketAddr>) -> Result<Self, NetError> {
        let mut builder = match server {
            Some(server) => {
                let at_port = |mut connection: ConnectionConfig| {
                    connection.port = server.port();
                    connection
                };
                let connections = vec![
                    at_port(ConnectionConfig::udp()),
                    at_port(ConnectionConfig::tcp()),
                ];
                let server = NameServerConfig::new(server.ip(), true, connections);
                let config = ResolverConfig::from_name_servers(vec![server]);
                TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            }
            None => TokioResolver::builder_tokio()?,
        };
        let options = builder.options_mut();
        options.timeout = PATIENCE;
        options.attempts = 2;
        // What was found is kept with its realm, and a file of this machine is not DNS.
        options.cache_size = 0;
        options.use_hosts_file = ResolveHosts::Never;
        Ok(Self(builder.build()?))
    }

    async fn look_up<R>(
        &self,
        name: &str,
        kind: RecordType,
        read: impl Fn(&RData) -> Option<R>,
    ) -> Result<Answer<R>, Silent> {
        // With a dot at its end no search list of the system is applied to it.
        let found = match self.0.lookup(format!("{name}."), kind).await {
            Ok(found) => found,
            Err(error) => return none(&error),
        };
        let answers = found.answers();
        let records: Vec<R> = answers.iter().filter_map(|it| read(&it.data)).collect();
        let least = answers.iter().map(|record| record.ttl).min();
        let ttl = least.filter(|_| !records.is_empty());
        Ok(Answer {
            records,
            ttl: ttl.map(|seconds| Duration::from_secs(seconds.into())),
        })
    }
}

/// DNS says that there is nothing, or says nothing of use.
fn none<R>(error: &NetError) -> Result<Answer<R>, Silent> {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none))
            if matches!(
                none.response_code,
                ResponseCode::NXDomain | ResponseCode::NoError
            ) =>
        {
            Ok(Answer {
                records: Vec::new(),
                ttl: None,
            })
        }
        error => {
            tracing::debug!(%error, "DNS does not answer");
            Err(Silent)
        }
    }
}

impl Dns for Resolver {
    async fn naptr(&self, name: &str) -> Result<Answer<Naptr>, Silent> {
        let read = |data: &RData| match data {
            RData::NAPTR(naptr) => Some(Naptr {
                order: naptr.order,
                preference: naptr.preference,
                flags: naptr.flags.to_vec(),
                services: naptr.services.to_vec(),
                regexp: naptr.regexp.to_vec(),
                replacement: naptr.replacement.to_ascii(),
            }),
            _ => None,
        };
        self.look_up(name, RecordType::NAPTR, read).await
    }

    async fn srv(&self, name: &str) -> Result<Answer<Srv>, Silent> {
        let read = |data: &RData| match data {
            RData::SRV(srv) => Some(Srv {
                priority: srv.priority,
                weight: srv.weight,
                port: srv.port,
                target: srv.target.to_ascii(),
            }),
            _ => None,
        };
        self.look_up(name, RecordType::SRV, read).await
    }

    async fn addresses(&self, name: &str) -> Result<Answer<IpAddr>, Silent> {
        let v6 = |data: &RData| match data {
            RData::AAAA(address) => Some(IpAddr::V6(address.0)),
            _ => None,
        };
        let v4 = |data: &RData| match data {
            RData::A(address) => Some(IpAddr::V4(address.0)),
            _ => None,
        };
        let (v6, v4) = tokio::join!(
            self.look_up(name, RecordType::AAAA, v6),
            self.look_up(name, RecordType::A, v4)
        );
        match (v6, v4) {
            (Ok(mut all), Ok(more)) => {
                all.records.extend(more.records);
                all.ttl = [all.ttl, more.ttl].into_iter().flatten().min();
                Ok(all)
            }
            // Half an answer is worth more than none.
            (Ok(half), Err(Silent)) | (Err(Silent), Ok(half)) if !half.records.is_empty() => {
                Ok(half)
            }
            _ => Err(Silent),
        }
    }
}
