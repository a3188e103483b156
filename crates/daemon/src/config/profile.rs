use super::{Fault, proxy::YES_NO, reader::Section};
use crate::{
    authority::dns_name,
    profile::{Method, Security},
};

/// The most octets of an SSID.
const LONGEST_SSID: usize = 32;

/// What `portreeve profile` puts into profiles where nothing else is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// The name of the wireless network.
    pub ssid: Option<String>,
    /// Whether it does not announce itself.
    pub hidden: bool,
    /// How it is protected.
    pub(crate) security: Security,
    /// How users log in.
    pub(crate) method: Method,
    /// What people call the network.
    pub name: Option<String>,
    /// Who runs it.
    pub organisation: Option<String>,
    /// The names that the server's certificate may hold; without them the one that ours holds.
    pub server_name: Vec<String>,
    /// What the access point is shown in place of the user name.
    pub anonymous: Option<String>,
    /// Where devices reach the portal that hands out parcels. It begins with `https://` and has no
    /// `/` at its end.
    pub link_url: Option<String>,
}

impl Profile {
    pub(super) fn read(&mut self, section: &mut Section<'_, '_>) {
        if let Some((at, ssid)) = section.text("ssid") {
            if (1..=LONGEST_SSID).contains(&ssid.len()) && !ssid.chars().any(char::is_control) {
                self.ssid = Some(ssid);
            } else {
                let said =
                    format!("an SSID has 1 to {LONGEST_SSID} octets and no control character");
                section.problem(Some(at), Fault::Bad(said));
            }
        }
        section.word("hidden", &YES_NO, &mut self.hidden);
        section.word("security", &Security::WORDS, &mut self.security);
        section.word("method", &Method::WORDS, &mut self.method);
        self.name = section.text("name").map(|(_, text)| text);
        self.organisation = section.text("organisation").map(|(_, text)| text);
        self.anonymous = section.text("anonymous").map(|(_, text)| text);
        for (at, name) in section.words("server_name").unwrap_or_default() {
            if let Some(name) = dns_name(&name) {
                self.server_name.push(name);
            } else {
                let said = "not a DNS name such as \"radius.example.org\"".to_owned();
                section.problem(Some(at), Fault::Bad(said));
            }
        }
        if let Some((at, url)) = section.text("link_url") {
            match link_url(&url) {
                Some(url) => self.link_url = Some(url),
                None => section.problem(Some(at), Fault::Bad(NOT_A_LINK.to_owned())),
            }
        }
    }
}

pub(crate) const NOT_A_LINK: &str = "not an address such as https://radius.example.org:8444; what \
                                     is handed out holds keys and passwords, so it is https";

/// Where links begin, without the `/` at its end.
pub(crate) fn link_url(text: &str) -> Option<String> {
    let text = text.trim_end_matches('/');
    let rest = text.strip_prefix("https://")?;
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-._~:/[]".contains(&octet);
    let host = rest.split('/').next().unwrap_or_default();
    let fits = !host.is_empty() && !host.starts_with(':') && rest.bytes().all(plain);
    (fits && text.len() <= 200).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    fn parse(text: &str) -> Result<Profile, String> {
        let text = format!("[profile]\n{text}");
        let config = Config::parse(Path::new("portreeve.toml"), &text);
        config
            .map(|config| config.profile)
            .map_err(|problems| problems.to_string())
    }

    #[test]
    fn every_key_is_read() {
        let profile = parse(
            "ssid = 'home'\nhidden = 'yes'\nsecurity = 'wpa3'\nmethod = 'ttls-pap'\n\
             name = 'Home'\norganisation = 'Example'\nserver_name = ['Radius.example.org']\n\
             anonymous = 'nobody'\nlink_url = 'https://radius.example.org:8444/'\n",
        )
        .unwrap();
        assert_eq!(profile.ssid.as_deref(), Some("home"));
        assert!(profile.hidden);
        assert_eq!(profile.security, Security::Wpa3);
        assert_eq!(profile.method, Method::TtlsPap);
        assert_eq!(profile.server_name, ["radius.example.org"]);
        assert_eq!(
            profile.link_url.as_deref(),
            Some("https://radius.example.org:8444")
        );
        assert_eq!(parse("").unwrap(), Profile::default());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, words) in [
            ("ssid = ''", "portreeve.toml:2:8: an SSID has 1 to 32"),
            ("name = 'a'\nmethod = 'peap'", "portreeve.toml:3:10:"),
            ("server_name = ['192.0.2.1']", "not a DNS name"),
            ("link_url = 'http://a.example'", "https"),
            ("link_url = 'https://'", "https"),
            ("sid = 'home'", "did you mean `ssid`"),
        ] {
            let said = parse(text).unwrap_err();
            assert!(said.contains(words), "{text}: {said}");
        }
    }
}
