//! Elements in the namespaces of Windows' profiles.

use quick_xml::{
    Writer,
    events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event},
};

use super::super::error::ProfileError;

/// The namespaces, each with its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Space {
    Wlan,
    /// What came with WPA3.
    Wlan4,
    Lan,
    OneX,
    Host,
    Common,
    Base,
    Tls1,
    Tls2,
    Tls3,
    Peap1,
    Peap2,
    MsChap,
    Ttls,
}

impl Space {
    pub(super) const fn uri(self) -> &'static str {
        match self {
            Self::Wlan => "http://www.microsoft.com/networking/WLAN/profile/v1",
            Self::Wlan4 => "http://www.microsoft.com/networking/WLAN/profile/v4",
            Self::Lan => "http://www.microsoft.com/networking/LAN/profile/v1",
            Self::OneX => "http://www.microsoft.com/networking/OneX/v1",
            Self::Host => "http://www.microsoft.com/provisioning/EapHostConfig",
            Self::Common => "http://www.microsoft.com/provisioning/EapCommon",
            Self::Base => "http://www.microsoft.com/provisioning/BaseEapConnectionPropertiesV1",
            Self::Tls1 => "http://www.microsoft.com/provisioning/EapTlsConnectionPropertiesV1",
            Self::Tls2 => "http://www.microsoft.com/provisioning/EapTlsConnectionPropertiesV2",
            Self::Tls3 => "http://www.microsoft.com/provisioning/EapTlsConnectionPropertiesV3",
            Self::Peap1 => "http://www.microsoft.com/provisioning/MsPeapConnectionPropertiesV1",
            Self::Peap2 => "http://www.microsoft.com/provisioning/MsPeapConnectionPropertiesV2",
            Self::MsChap => "http://www.microsoft.com/provisioning/MsChapV2ConnectionPropertiesV1",
            Self::Ttls => "http://www.microsoft.com/provisioning/EapTtlsConnectionPropertiesV1",
        }
    }
}

/// An element with a text or with further elements in it.
#[derive(Debug, Clone)]
pub(super) struct Element {
    space: Space,
    name: &'static str,
    attribute: Option<(&'static str, &'static str)>,
    text: String,
    children: Vec<Self>,
}

impl Element {
    /// Without text, with these in it.
    pub(super) fn of(space: Space, name: &'static str, children: Vec<Self>) -> Self {
        Self {
            space,
            name,
            attribute: None,
            text: String::new(),
            children,
        }
    }

    /// With a text.
    pub(super) fn text(space: Space, name: &'static str, text: impl ToString) -> Self {
        let mut element = Self::of(space, name, Vec::new());
        element.text = text.to_string();
        element
    }

    pub(super) fn with_attribute(mut self, name: &'static str, value: &'static str) -> Self {
        self.attribute = Some((name, value));
        self
    }

    /// The element as a document.
    pub(super) fn document(&self) -> Result<Vec<u8>, ProfileError> {
        let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
        let declaration = BytesDecl::new("1.0", Some("UTF-8"), None);
        writer
            .write_event(Event::Decl(declaration))
            .and_then(|()| self.write(None, &mut writer))
            .map_err(ProfileError::write("the profile"))?;
        let mut text = writer.into_inner();
        text.push(b'\n');
        Ok(text)
    }

    fn write(&self, around: Option<Space>, to: &mut Writer<Vec<u8>>) -> std::io::Result<()> {
        let mut start = BytesStart::new(self.name);
        if around != Some(self.space) {
            start.push_attribute(("xmlns", self.space.uri()));
        }
        if let Some(attribute) = self.attribute {
            start.push_attribute(attribute);
        }
        if self.text.is_empty() && self.children.is_empty() {
            return to.write_event(Event::Empty(start));
        }
        to.write_event(Event::Start(start))?;
        if !self.text.is_empty() {
            to.write_event(Event::Text(BytesText::new(&self.text)))?;
        }
        for child in &self.children {
            child.write(Some(self.space), to)?;
        }
        to.write_event(Event::End(BytesEnd::new(self.name)))
    }
}
