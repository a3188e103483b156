//! How vendors spell what a session may have, and what to tell those who run their equipment.

mod change;
mod generic;
mod mikrotik;

use portreeve_proto::{AttributeList, Discard, attr};
use serde::{Deserialize, Serialize};

pub use self::change::{CannotChange, Change, NotARate, Rate};
use crate::{grant::Grant, session::Session};

/// The vendors whose way of spelling a grant we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DialectName {
    /// The RFCs' own attributes.
    #[default]
    Generic,
    /// RouterOS.
    Mikrotik,
}

impl DialectName {
    /// Every dialect, in the order to list them.
    pub const ALL: [Self; 2] = [Self::Generic, Self::Mikrotik];

    /// The word on the command line and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::Mikrotik => "mikrotik",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|dialect| dialect.as_str() == word)
    }
}

impl DialectName {
    /// The attributes of the Access-Accept that gives a session its grant.
    ///
    /// An attribute that the administrator gave comes before our own: they may set their own
    /// interim interval. Class is always ours too, because sessions are known by it.
    pub fn speak(self, grant: &Grant) -> AttributeList {
        let mut reply = grant.attributes.clone();
        if let Some(class) = grant.class {
            reply.add(attr::CLASS, class.encode());
        }
        if let Some(seconds) = grant.interim_interval_s
            && !reply.contains(&attr::ACCT_INTERIM_INTERVAL.spec().oid)
        {
            reply.add(attr::ACCT_INTERIM_INTERVAL, seconds);
        }
        reply
    }

    /// The ways to name a session in a Disconnect-Request or CoA-Request (RFC 5176 section 3), the
    /// surest first. The next is worth a try where the NAS says that it knows no such session or
    /// takes no such attribute.
    pub fn naming(self, session: &Session) -> Vec<AttributeList> {
        match self {
            Self::Generic => generic::naming(session),
            Self::Mikrotik => mikrotik::naming(session),
        }
    }

    /// The attributes of the CoA-Request that changes a session (RFC 5176 section 3.2), without
    /// those that name it; see [`naming`](Self::naming).
    ///
    /// # Errors
    /// Where this equipment cannot do it by a CoA-Request.
    pub fn change(self, session: &Session, change: &Change) -> Result<AttributeList, CannotChange> {
        match self {
            Self::Generic => generic::change(change),
            Self::Mikrotik => mikrotik::change(session, change),
        }
    }

    /// What to do at the equipment about a packet we had to discard; `None` where that is not its
    /// fault.
    pub const fn cure(self, discard: Discard) -> Option<&'static str> {
        match self {
            Self::Generic => generic::cure(discard),
            Self::Mikrotik => mikrotik::cure(discard),
        }
    }

    /// What is doubtful about a reply though its attributes are well formed.
    pub fn doubts(self, reply: &AttributeList) -> Vec<Doubt> {
        match self {
            Self::Generic => Vec::new(),
            Self::Mikrotik => mikrotik::doubts(reply),
        }
    }
}

/// What equipment would make of an attribute, where that is probably not what was meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Doubt {
    /// RouterOS ignores a rate limit that does not follow its grammar.
    #[error("Mikrotik-Rate-Limit is not of the form 10M/20M, and RouterOS will ignore it")]
    RateLimitMalformed,
    /// Below 1000 bits a second: the suffix was probably forgotten.
    #[error("Mikrotik-Rate-Limit is below 1000 bit/s; was the k or M after the number forgotten?")]
    RateLimitTiny,
    /// RouterOS takes the first of several ways to limit the rate and ignores the others.
    #[error(
        "Mikrotik-Rate-Limit is there, so RouterOS ignores the WISPr and Ascend rates beside it"
    )]
    RatesIgnored,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        grant::ClassId,
        session::{Merge, SessionKey},
    };

    fn session() -> Session {
        Session {
            key: SessionKey {
                octets: Vec::new(),
                incarnation: 0,
            },
            nas: "ap".to_owned(),
            nas_identifier: None,
            nas_address: None,
            session_id: "81".to_owned(),
            user: Some("tim".to_owned()),
            class: None,
            port: None,
            calling_station: Some("00-e1-0c-38-c8-f8".to_owned()),
            called_station: None,
            framed_ip: "192.0.2.5".parse().ok(),
            framed_ipv6: None,
            delegated_ipv6: None,
            started_ms: 0,
            updated_ms: 0,
            ended: None,
            session_time_s: 0,
            input_octets: 0,
            output_octets: 0,
            input_packets: 0,
            output_packets: 0,
            merge: Merge::default(),
        }
    }

    #[test]
    fn the_administrators_interval_comes_before_ours() {
        let mut grant = Grant {
            attributes: AttributeList::new(),
            interim_interval_s: Some(600),
            class: Some(ClassId::new([1; 16])),
        };
        let interval = attr::ACCT_INTERIM_INTERVAL.spec().oid;
        let ours = DialectName::Generic.speak(&grant);
        assert_eq!(ours.find(&interval).unwrap().value, [0, 0, 2, 88]);
        let class = ours.find(&attr::CLASS.spec().oid).unwrap().value;
        assert_eq!(ClassId::parse(class), grant.class);
        grant.attributes.add(attr::ACCT_INTERIM_INTERVAL, 300);
        let theirs = DialectName::Mikrotik.speak(&grant);
        assert_eq!(theirs.find(&interval).unwrap().value, [0, 0, 1, 44]);
        assert_eq!(theirs.len(), 2);
    }

    #[test]
    fn every_dialect_names_a_session_in_its_own_ways() {
        let mut session = session();
        let named = |dialect: DialectName, session: &Session| -> Vec<Vec<Vec<u8>>> {
            let ways = dialect.naming(session).into_iter();
            ways.map(|way| way.iter().map(|entry| entry.value.to_vec()).collect())
                .collect()
        };
        let [user, id, station] = [
            b"tim".to_vec(),
            b"81".to_vec(),
            b"00-e1-0c-38-c8-f8".to_vec(),
        ];
        let (ip, mac) = (vec![192, 0, 2, 5], b"00:E1:0C:38:C8:F8".to_vec());
        let all = vec![user.clone(), id.clone(), station.clone()];
        assert_eq!(
            named(DialectName::Generic, &session),
            [all, vec![id.clone()]]
        );
        let by_id = vec![user.clone(), id, ip.clone()];
        assert_eq!(
            named(DialectName::Mikrotik, &session),
            [by_id, vec![user.clone(), ip], vec![mac]]
        );
        session.session_id.clear();
        session.calling_station = None;
        session.framed_ip = None;
        assert_eq!(named(DialectName::Generic, &session), [vec![user]]);
        assert!(named(DialectName::Mikrotik, &session).is_empty());
        session.user = None;
        assert!(named(DialectName::Generic, &session).is_empty());
    }

    /// The attributes of a change as they would be described.
    fn spelt(dialect: DialectName, session: &Session, change: &Change) -> Vec<String> {
        let list = dialect.change(session, change).unwrap();
        let said = crate::attribute::describe(portreeve_proto::Dictionary::builtin(), &list);
        said.iter().map(|it| it.as_str().to_owned()).collect()
    }

    #[test]
    fn routeros_is_told_rates_from_where_it_stands() {
        let mut session = session();
        session.calling_station = Some("00:E1:0C:38:C8:F8".to_owned());
        for (text, limit) in [
            ("20M/5M", "5M/20M"),
            ("512k", "512k/512k"),
            ("0/1500k", "1500k/0"),
            ("1234567/2G", "2000M/1234567"),
        ] {
            let change = Change {
                rate: text.parse().ok(),
                ..Change::default()
            };
            let expected = format!("Mikrotik-Rate-Limit = \"{limit}\"");
            assert_eq!(
                spelt(DialectName::Mikrotik, &session, &change),
                [expected.as_str()]
            );
            let list = DialectName::Mikrotik.change(&session, &change).unwrap();
            assert_eq!(DialectName::Mikrotik.doubts(&list), []);
        }
    }

    #[test]
    fn what_is_left_comes_on_top_of_what_was_used() {
        let mut session = session();
        session.calling_station = None;
        (session.input_octets, session.output_octets) = (1000, 1 << 32);
        let change = Change {
            upload_left: Some(24),
            download_left: Some(7),
            session_timeout_s: Some(60),
            ..Change::default()
        };
        assert_eq!(
            spelt(DialectName::Mikrotik, &session, &change),
            [
                "Session-Timeout = 60",
                "Mikrotik-Recv-Limit = 1024",
                "Mikrotik-Recv-Limit-Gigawords = 0",
                "Mikrotik-Xmit-Limit = 7",
                "Mikrotik-Xmit-Limit-Gigawords = 1",
            ]
        );
        // Nought would be no limit at all.
        session.input_octets = 0;
        let nothing = Change {
            upload_left: Some(0),
            ..Change::default()
        };
        let spelt = spelt(DialectName::Mikrotik, &session, &nothing);
        assert_eq!(spelt[0], "Mikrotik-Recv-Limit = 1");
    }

    #[test]
    fn what_cannot_be_changed_is_told() {
        let mut session = session();
        let rate = Change {
            rate: "1M".parse().ok(),
            ..Change::default()
        };
        // The station is spelt as only Wi-Fi and 802.1X do.
        let wifi = DialectName::Mikrotik.change(&session, &rate).unwrap_err();
        assert_eq!(wifi, CannotChange::Service("RouterOS"));
        let timeout = Change {
            session_timeout_s: Some(60),
            ..Change::default()
        };
        assert_eq!(
            spelt(DialectName::Mikrotik, &session, &timeout),
            ["Session-Timeout = 60"]
        );
        session.calling_station = Some("00:E1:0C:38:C8:F8".to_owned());
        let pool = Change {
            attributes: AttributeList::new().with(attr::FRAMED_POOL, "other"),
            ..Change::default()
        };
        let fixed = DialectName::Mikrotik.change(&session, &pool).unwrap_err();
        assert!(fixed.to_string().contains("Framed-Pool"), "{fixed}");
        let generic = DialectName::Generic.change(&session, &rate).unwrap_err();
        assert!(generic.to_string().contains("--attr"), "{generic}");
        assert_eq!(
            spelt(DialectName::Generic, &session, &pool),
            ["Framed-Pool = \"other\""]
        );
    }
}
