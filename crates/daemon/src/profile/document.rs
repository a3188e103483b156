//! What is handed to a user: documents, and what to do with them.

use std::borrow::Cow;

use zeroize::Zeroizing;

/// The kind of device that documents are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Platform {
    /// iPhone, iPad, Mac, Apple TV, Apple Watch
    Apple,
    /// Windows 10 and 11
    Windows,
    /// Android 11 and later
    Android,
    /// NetworkManager, wpa_supplicant and iwd
    Linux,
}

impl Platform {
    pub(crate) const ALL: [Self; 4] = [Self::Apple, Self::Windows, Self::Android, Self::Linux];

    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Apple => "apple",
            Self::Windows => "windows",
            Self::Android => "android",
            Self::Linux => "linux",
        }
    }

    pub(crate) fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.label() == label)
    }

    /// What people call such a device.
    pub(crate) const fn device(self) -> &'static str {
        match self {
            Self::Apple => "an iPhone, iPad or Mac",
            Self::Windows => "a Windows computer",
            Self::Android => "an Android phone or tablet",
            Self::Linux => "a Linux computer",
        }
    }
}

/// What a document is, and so how a browser is to treat it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    AppleProfile,
    Passpoint,
    Pkcs12,
    Certificate,
    Xml,
    Script,
    Settings,
    Page,
    Text,
}

impl Kind {
    const ALL: [(&'static str, Self); 9] = [
        ("apple-profile", Self::AppleProfile),
        ("passpoint", Self::Passpoint),
        ("pkcs12", Self::Pkcs12),
        ("certificate", Self::Certificate),
        ("xml", Self::Xml),
        ("script", Self::Script),
        ("settings", Self::Settings),
        ("page", Self::Page),
        ("text", Self::Text),
    ];

    pub(crate) fn label(self) -> &'static str {
        let known = Self::ALL.iter().find(|(_, kind)| *kind == self);
        known.map_or("text", |(label, _)| label)
    }

    pub(crate) fn from_label(label: &str) -> Option<Self> {
        let known = Self::ALL.iter().find(|(known, _)| *known == label)?;
        Some(known.1)
    }

    /// The media type.
    pub(crate) const fn media_type(self) -> &'static str {
        match self {
            Self::AppleProfile => "application/x-apple-aspen-config",
            Self::Passpoint => "application/x-wifi-config",
            Self::Pkcs12 => "application/x-pkcs12",
            Self::Certificate => "application/x-x509-ca-cert",
            Self::Xml => "application/xml",
            Self::Script | Self::Settings => "application/octet-stream",
            Self::Page => "text/html; charset=utf-8",
            Self::Text => "text/plain; charset=utf-8",
        }
    }

    /// Whether a browser shall save it. The installers of iOS and of Android's Passpoint start
    /// only where it does not.
    pub(crate) const fn is_saved(self) -> bool {
        !matches!(
            self,
            Self::AppleProfile | Self::Passpoint | Self::Page | Self::Text
        )
    }
}

/// One file.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    /// Letters, digits, `.`, `-` and `_` only.
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// What it is, in a few words.
    pub(crate) about: Cow<'static, str>,
    /// Wiped when dropped: it may hold a key or a password.
    pub(crate) content: Zeroizing<Vec<u8>>,
}

impl Document {
    pub(crate) fn new(
        name: impl Into<String>,
        kind: Kind,
        about: &'static str,
        content: impl Into<Vec<u8>>,
    ) -> Self {
        Self {
            name: name.into(),
            kind,
            about: Cow::Borrowed(about),
            content: Zeroizing::new(content.into()),
        }
    }
}

/// Everything for one device.
#[derive(Debug, Clone)]
pub(crate) struct Kit {
    pub(crate) platform: Platform,
    /// What people call the network.
    pub(crate) title: String,
    pub(crate) documents: Vec<Document>,
    /// What to do, one step each, for the person who holds the device.
    pub(crate) steps: Vec<String>,
    /// What the administrator should know.
    pub(crate) notes: Vec<String>,
}

/// A name for files: what a file system, a URL and a shell take without quotes.
pub(crate) fn file_stem(text: &str) -> String {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    let mut stem = String::new();
    for letter in text.chars().take(48) {
        if fits(letter) {
            stem.push(letter);
        } else if letter.is_ascii_punctuation() && !stem.is_empty() && !stem.ends_with('-') {
            stem.push('-');
        } else if !stem.ends_with('_') && !stem.is_empty() {
            stem.push('_');
        }
    }
    let stem = stem.trim_matches(['-', '_']);
    if stem.is_empty() {
        "network".to_owned()
    } else {
        stem.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_need_no_quotes() {
        assert_eq!(file_stem("home & garden"), "home_-_garden");
        assert_eq!(file_stem("tim@example.org"), "tim-example-org");
        assert_eq!(file_stem("../../etc/passwd"), "etc-passwd");
        assert_eq!(file_stem("Büro"), "B_ro");
        assert_eq!(file_stem("-rf"), "rf");
        assert_eq!(file_stem("日本"), "network");
        assert_eq!(file_stem(&"a".repeat(500)).len(), 48);
    }

    #[test]
    fn labels_lead_back_to_what_they_name() {
        for platform in Platform::ALL {
            assert_eq!(Platform::from_label(platform.label()), Some(platform));
        }
        for (label, kind) in Kind::ALL {
            assert_eq!(Kind::from_label(label), Some(kind));
            assert_eq!(kind.label(), label);
        }
        assert_eq!(Kind::from_label("exe"), None);
    }
}
