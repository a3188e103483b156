//! What a browser shows under a link.

use super::{
    super::{document::Platform, page::Page},
    Parcel,
};

/// What a browser says it runs on; `None` where it says nothing that we know.
pub(super) fn platform_of(user_agent: &str) -> Option<Platform> {
    let says = |words: &[&str]| words.iter().any(|word| user_agent.contains(word));
    if says(&["iPhone", "iPad", "iPod", "Macintosh"]) {
        Some(Platform::Apple)
    } else if says(&["Windows"]) {
        Some(Platform::Windows)
    } else if says(&["Android"]) {
        // Before Linux, which Android calls itself as well.
        Some(Platform::Android)
    } else if says(&["Linux"]) {
        Some(Platform::Linux)
    } else {
        None
    }
}

/// The page of a parcel. `base` is the path that the names of its documents are put behind.
pub(super) fn page(parcel: &Parcel, base: &str, visitor: Option<Platform>) -> String {
    let kit = &parcel.kit;
    let mut page = Page::new(&format!("Join {}", kit.title));
    if let Some(visitor) = visitor
        && visitor != kit.platform
    {
        page.note(&format!(
            "This link is for {}, and this seems to be {}. Open it there, or ask for another.",
            kit.platform.device(),
            visitor.device()
        ));
    }
    let single = parcel.open.len() == 1;
    page.paragraph(if single {
        "Touch the button. It works once."
    } else {
        "Each of these can be fetched once."
    });
    for document in &kit.documents {
        if parcel.open.contains(&document.name) {
            let target = format!("{base}/{}", document.name);
            page.button(&target, &document.name, &document.about);
        }
    }
    page.heading("Then");
    page.steps(&kit.steps);
    let until = i64::try_from(parcel.expires).ok();
    let until = until.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    if let Some(until) = until {
        let until = until.strftime("%Y-%m-%d %H:%M");
        page.paragraph(&format!("This link ends on {until} UTC."));
    }
    page.finish()
}

/// The page of a link that is not, or no longer, good. It does not tell which.
pub(super) fn gone() -> String {
    let mut page = Page::new("This link is not good");
    page.paragraph(
        "It has ended, or was used already, or a letter is missing. Ask whoever gave it to you for \
         another.",
    );
    page.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_known_by_what_they_say() {
        let known = [
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15",
                Some(Platform::Apple),
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15",
                Some(Platform::Apple),
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36",
                Some(Platform::Windows),
            ),
            (
                "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36",
                Some(Platform::Android),
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101",
                Some(Platform::Linux),
            ),
            ("curl/8.5.0", None),
            ("", None),
        ];
        for (user_agent, platform) in known {
            assert_eq!(platform_of(user_agent), platform, "{user_agent}");
        }
    }
}
