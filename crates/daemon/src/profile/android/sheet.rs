//! What to enter, in the words of Android 11 to 16.

use super::super::{
    network::{Link, Method, Network},
    page::Page,
};

/// One field of the settings of a network.
struct Field {
    name: &'static str,
    value: String,
    remark: &'static str,
}

/// What to do, and what to enter where.
pub(super) struct Sheet {
    /// As they stand beside the documents.
    pub(super) steps: Vec<String>,
    own_steps: Vec<String>,
    fields: Vec<Field>,
}

impl Sheet {
    pub(super) fn of(network: &Network) -> Self {
        Self {
            steps: steps(network, "Open settings.html, enter each field exactly so"),
            own_steps: steps(network, "Enter the fields below exactly so"),
            fields: fields(network),
        }
    }

    /// As a page.
    pub(super) fn page(&self, network: &Network) -> String {
        let mut page = Page::new(&format!("{} on Android", network.display_name()));
        page.paragraph("For Android 11 and later. Menus differ a little from maker to maker.");
        page.steps(&self.own_steps);
        page.heading("The fields");
        let rows = self.fields.iter();
        page.table(rows.map(|field| (field.name, field.value.as_str(), field.remark)));
        page.note(
            "Never choose 'Do not validate' and never leave Domain empty: then anybody could pass \
             for this network and learn your password.",
        );
        page.finish()
    }

    /// As text.
    pub(super) fn text(&self, network: &Network) -> String {
        let mut text = format!("{} on Android 11 and later\n\n", network.display_name());
        for (at, step) in self.own_steps.iter().enumerate() {
            let line = format!("{}. {step}\n", at + 1);
            text.push_str(&line);
        }
        text.push('\n');
        let names = self.fields.iter().map(|field| field.name.len());
        let width = names.max().unwrap_or(0) + 2;
        for field in &self.fields {
            let line = format!("{:width$}{}\n", field.name, field.value);
            text.push_str(&line);
            if !field.remark.is_empty() {
                let line = format!("{:width$}({})\n", "", field.remark);
                text.push_str(&line);
            }
        }
        text.push_str(
            "\nNever choose 'Do not validate' and never leave Domain empty: then anybody could \
             pass for this network and learn your password.\n",
        );
        text
    }
}

fn steps(network: &Network, last: &str) -> Vec<String> {
    let call = certificate_name(network);
    let mut steps = vec![format!(
        "Install ca.crt: Settings > Security & privacy > More > Encryption & credentials > Install \
         a certificate > Wi-Fi certificate. Call it '{call}'."
    )];
    if network.client().is_some() {
        steps.push(format!(
            "Install the .p12 file in the same way, with the passphrase you were given. Call it \
             '{call}', too."
        ));
    }
    steps.push(match network.ssid() {
        Some(ssid) if network.is_hidden() => {
            format!("Settings > Network & internet > Internet > Add network, and enter '{ssid}'.")
        }
        Some(ssid) => format!("Settings > Network & internet > Internet, and touch '{ssid}'."),
        None => "Open the settings of the Ethernet adapter, if there are any.".to_owned(),
    });
    steps.push(format!("{last}, and touch Connect."));
    steps
}

/// What to call the certificates on the device: short, and not to be mistaken.
fn certificate_name(network: &Network) -> String {
    network.mark().chars().take(24).collect()
}

fn fields(network: &Network) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut put = |name, value: String, remark| {
        fields.push(Field {
            name,
            value,
            remark,
        });
    };
    if let Link::Wireless { ssid, hidden, .. } = network.link() {
        put("Network name", ssid.clone(), "");
        if *hidden {
            put("Security", "WPA/WPA2/WPA3-Enterprise".to_owned(), "");
            put("Hidden network", "Yes".to_owned(), "under Advanced options");
        }
    }
    let (outer, inner) = match network.method() {
        Method::Tls => ("TLS", None),
        Method::Peap => ("PEAP", Some("MSCHAPV2")),
        Method::TtlsPap => ("TTLS", Some("PAP")),
        Method::TtlsMschapv2 => ("TTLS", Some("MSCHAPV2")),
    };
    put("EAP method", outer.to_owned(), "");
    if let Some(inner) = inner {
        put("Phase 2 authentication", inner.to_owned(), "");
    }
    put(
        "CA certificate",
        certificate_name(network),
        "the one from step 1",
    );
    put(
        "Minimum TLS version",
        "TLS v1.2".to_owned(),
        "Android 14 and later",
    );
    put(
        "Online certificate status",
        "Do not verify".to_owned(),
        "the device is not online while it logs in",
    );
    put("Domain", network.servers().join(";"), "");
    if network.client().is_some() {
        let remark = "the one from step 2";
        put("User certificate", certificate_name(network), remark);
    }
    put("Identity", network.user().to_owned(), "");
    if let Some(anonymous) = network.anonymous() {
        put("Anonymous identity", anonymous.to_owned(), "");
    }
    if network.client().is_none() {
        match network.password() {
            Some(password) => put("Password", password.expose().to_owned(), ""),
            None => put("Password", "(yours)".to_owned(), ""),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::super::super::fixtures::{self, METHODS};
    use super::*;

    #[test]
    fn ca_and_domain_are_on_every_sheet() {
        for method in METHODS {
            let network = fixtures::network(method);
            let sheet = Sheet::of(&network);
            let field = |name: &str| {
                let found = sheet.fields.iter().find(|field| field.name == name);
                found.map(|field| field.value.as_str())
            };
            assert_eq!(field("Domain"), Some("radius.example.org"));
            assert_eq!(field("CA certificate"), Some("home & garden"));
            assert_eq!(field("Identity"), Some("tim@example.org"));
            let tunnel = method != Method::Tls;
            assert_eq!(field("Anonymous identity").is_some(), tunnel);
            assert_eq!(field("Phase 2 authentication").is_some(), tunnel);
            assert_eq!(field("User certificate").is_some(), !tunnel);
            for text in [sheet.page(&network), sheet.text(&network)] {
                assert!(text.contains("radius.example.org"), "{text}");
            }
        }
    }

    #[test]
    fn a_page_shows_a_password_as_it_is() {
        let network = fixtures::network(Method::Peap);
        let page = Sheet::of(&network).page(&network);
        assert!(page.contains("pass &lt;&quot;word&quot;&gt; &amp; &#39;more&#39;"));
        let text = Sheet::of(&network).text(&network);
        assert!(text.contains("pass <\"word\"> & 'more'"));
    }
}
