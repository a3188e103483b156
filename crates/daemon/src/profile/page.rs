//! Pages that a phone shows: plain documents without scripts or anything from elsewhere.

/// What a page may load: nothing, and only its own style.
pub(crate) const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
                                 base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:17px/1.5 system-ui,sans-serif;max-width:38rem;margin:0 auto;padding:1.5rem 1rem}\
h1{font-size:1.5rem;line-height:1.25;margin:0 0 .5rem}\
h2{font-size:1.1rem;margin:1.75rem 0 .5rem}\
p{margin:.5rem 0}\
li{margin:.4rem 0}\
ol,ul{padding-left:1.4rem}\
table{border-collapse:collapse;width:100%}\
th,td{text-align:left;vertical-align:top;padding:.45rem .5rem .45rem 0;\
border-top:1px solid #8886;overflow-wrap:anywhere}\
th{font-weight:normal;width:42%;padding-right:1rem}\
td{font-weight:600}\
small{display:block;font-weight:normal;opacity:.75}\
a.get{display:block;margin:.6rem 0;padding:.8rem 1rem;border-radius:.6rem;background:#0a58ca;\
color:#fff;text-decoration:none;font-weight:600}\
a.get small{opacity:.9}\
.note{border-left:.25rem solid #d08700;padding:.1rem 0 .1rem .8rem}";

/// Builds a page.
pub(crate) struct Page {
    text: String,
}

impl Page {
    pub(crate) fn new(title: &str) -> Self {
        let title = escaped(title);
        let text = format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{title}</title>\n<style>{STYLE}</style>\n<h1>{title}</h1>\n"
        );
        Self { text }
    }

    pub(crate) fn paragraph(&mut self, text: &str) {
        self.put("<p>", text, "</p>\n");
    }

    /// Something to heed.
    pub(crate) fn note(&mut self, text: &str) {
        self.put("<p class=\"note\">", text, "</p>\n");
    }

    pub(crate) fn heading(&mut self, text: &str) {
        self.put("<h2>", text, "</h2>\n");
    }

    /// Steps, numbered.
    pub(crate) fn steps(&mut self, steps: &[String]) {
        self.text.push_str("<ol>\n");
        for step in steps {
            self.put("<li>", step, "</li>\n");
        }
        self.text.push_str("</ol>\n");
    }

    /// Names and values, with a remark where there is one.
    pub(crate) fn table<'a>(
        &mut self,
        rows: impl IntoIterator<Item = (&'a str, &'a str, &'a str)>,
    ) {
        self.text.push_str("<table>\n");
        for (name, value, remark) in rows {
            self.put("<tr><th>", name, "</th>");
            self.put("<td>", value, "");
            if !remark.is_empty() {
                self.put("<small>", remark, "</small>");
            }
            self.text.push_str("</td></tr>\n");
        }
        self.text.push_str("</table>\n");
    }

    /// A link that is pressed to get something.
    pub(crate) fn button(&mut self, target: &str, name: &str, about: &str) {
        self.put("<a class=\"get\" href=\"", target, "\">");
        self.put("", name, "");
        self.put("<small>", about, "</small></a>\n");
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }

    fn put(&mut self, before: &str, text: &str, after: &str) {
        self.text.push_str(before);
        self.text.push_str(&escaped(text));
        self.text.push_str(after);
    }
}

/// A text that a browser shows as it is, within an element or an attribute.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_becomes_markup() {
        let nasty = "<script>alert(\"x\")</script>'&";
        let mut page = Page::new(nasty);
        page.paragraph(nasty);
        page.note(nasty);
        page.heading(nasty);
        page.steps(&[nasty.to_owned()]);
        page.table([(nasty, nasty, nasty)]);
        page.button(nasty, nasty, nasty);
        let text = page.finish();
        assert!(!text.contains("<script"), "{text}");
        assert!(!text.contains("alert(\""), "{text}");
        assert_eq!(
            text.matches("&lt;script&gt;alert(&quot;x&quot;)").count(),
            12
        );
    }
}
