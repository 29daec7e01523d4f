//! Reads HTML back: each element with its attributes and its text.
//!
//! Accepts only the part of HTML that all parsers read in the same manner: names and attributes as this project writes
//! them, four character references, no comment, no script, each element closed properly. Anything else fails the test.
//! So text that turned into markup is found.

use std::collections::BTreeMap;

/// Elements whose content is not parsed as markup; `style` is handled separately.
const OPAQUE: [&str; 8] = [
    "iframe",
    "noembed",
    "noframes",
    "noscript",
    "plaintext",
    "template",
    "textarea",
    "xmp",
];

/// Elements without an end tag.
const VOID: [&str; 2] = ["input", "meta"];

/// An element with all of its text.
#[derive(Debug, Default)]
pub struct Element {
    pub name: String,
    pub attributes: BTreeMap<String, String>,
    pub parent: Option<usize>,
    pub text: String,
}

/// A page without errors and comments, in which each element is closed where it should be.
#[derive(Debug, Default)]
pub struct Page(pub Vec<Element>);

struct Reader<'h> {
    rest: &'h str,
    elements: Vec<Element>,
    open: Vec<usize>,
}

impl<'h> Reader<'h> {
    fn read(mut self) -> Page {
        // A whole page begins with it, a part of one does not; nothing else may begin like it.
        self.take("<!DOCTYPE html>");
        while !self.rest.is_empty() {
            if self.take("</") {
                self.close();
            } else if !self.is_raw() && self.take("<") {
                self.open();
            } else {
                self.text();
            }
        }
        assert!(self.open.is_empty(), "something is left open");
        Page(self.elements)
    }

    fn open(&mut self) {
        let name = self.name().to_owned();
        assert!(!OPAQUE.contains(&name.as_str()), "<{name}>");
        assert!(self.innermost() != "title", "<{name}> in a title");
        let mut attributes = BTreeMap::new();
        while !self.take(">") {
            let (attribute, value) = self.attribute();
            assert_eq!(attributes.insert(attribute, value), None, "twice");
        }
        let parent = self.open.last().copied();
        if !VOID.contains(&name.as_str()) {
            self.open.push(self.elements.len());
        }
        self.elements.push(Element {
            name,
            attributes,
            parent,
            text: String::new(),
        });
    }

    fn close(&mut self) {
        assert_eq!(self.name(), self.innermost(), "closes another element");
        assert!(self.take(">"), "the end of {}", self.innermost());
        self.open.pop();
    }

    /// Checks whether the text of the innermost element is a style or a script.
    fn is_raw(&self) -> bool {
        matches!(self.innermost(), "style" | "script")
    }

    fn text(&mut self) {
        let text = if self.is_raw() {
            // Nothing but its end means anything in it.
            self.up_to(self.rest.find("</")).to_owned()
        } else {
            unescaped(self.up_to(self.rest.find('<')))
        };
        for at in &self.open {
            self.elements[*at].text.push_str(&text);
        }
    }

    /// Returns the value of an attribute; names are compared without case, as browsers do.
    fn attribute(&mut self) -> (String, String) {
        assert!(self.take(" "), "{:.40}", self.rest);
        let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let name = self.before(|c| !is_of_name(c)).to_ascii_lowercase();
        assert!(!name.is_empty(), "{:.40}", self.rest);
        if !self.take("=") {
            return (name, String::new());
        }
        assert!(self.take("\""), "{name} has no quote");
        let value = unescaped(self.before(|c| c == '"'));
        assert!(self.take("\""), "{name} is not closed");
        (name, value)
    }

    fn name(&mut self) -> &'h str {
        let is_of_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let name = self.before(|c| !is_of_name(c));
        assert!(name.starts_with(|c: char| c.is_ascii_lowercase()), "{name}");
        name
    }

    fn innermost(&self) -> &str {
        let at = self.open.last();
        at.map_or("", |at| &self.elements[*at].name)
    }

    /// Consumes and returns the text before a character, or the rest of the page.
    fn before(&mut self, ends: impl Fn(char) -> bool) -> &'h str {
        self.up_to(self.rest.find(ends))
    }

    /// Consumes and returns the text before a position, or the rest of the page.
    fn up_to(&mut self, at: Option<usize>) -> &'h str {
        let (taken, rest) = self.rest.split_at(at.unwrap_or(self.rest.len()));
        self.rest = rest;
        taken
    }

    fn take(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }
}

/// Returns a text or attribute value with its character references decoded.
fn unescaped(text: &str) -> String {
    assert!(!text.contains(['<', '>']), "{text}");
    let mut pieces = text.split('&');
    let mut said = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let Some((name, rest)) = piece.split_once(';') else {
            panic!("a reference without an end: &{piece}");
        };
        said.push(match name {
            "amp" => '&',
            "gt" => '>',
            "lt" => '<',
            "quot" => '"',
            _ => panic!("&{name};"),
        });
        said.push_str(rest);
    }
    said
}

/// Checks whether a character is not allowed in HTML.
fn is_error(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{fdd0}'..='\u{fdef}')
        || u32::from(c) & 0xfffe == 0xfffe
}

impl Page {
    pub fn read(html: &str) -> Self {
        assert!(!html.contains(is_error));
        let reader = Reader {
            rest: html.strip_prefix("<!DOCTYPE html>").unwrap_or(html),
            elements: Vec::new(),
            open: Vec::new(),
        };
        reader.read()
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (usize, &'a Element)> {
        let elements = self.0.iter().enumerate();
        elements.filter(move |(_, element)| element.name == name)
    }

    pub fn within(&self, mut at: usize, outer: usize) -> bool {
        while let Some(parent) = self.0[at].parent {
            at = parent;
            if at == outer {
                return true;
            }
        }
        false
    }

    /// Returns the table with a class.
    pub fn table(&self, class: &str) -> usize {
        let mut tables = self.all("table");
        let found = tables.find(|(_, table)| table.get("class") == Some(class));
        found.unwrap_or_else(|| panic!("no table {class}")).0
    }

    /// Returns the numbers in an element, after checking that the shown number and the machine-readable number are
    /// equal.
    pub fn numbers(&self, outer: usize) -> impl Iterator<Item = u64> {
        let within = self
            .all("data")
            .filter(move |(data, _)| self.within(*data, outer));
        within.map(|(_, data)| {
            let value: u64 = data.get("value").unwrap().parse().unwrap();
            assert_eq!(data.text.replace(',', ""), value.to_string());
            value
        })
    }

    /// Returns the rows of a table's body: the header of each row and its numbers.
    pub fn rows(&self, table: usize) -> Vec<(&str, Vec<u64>)> {
        let rows = self.all("tr").filter(|(row, _)| self.within(*row, table));
        let row = |(row, _)| {
            let head = self.all("th").find(|(head, _)| self.within(*head, row));
            (head.unwrap().1.text.as_str(), self.numbers(row).collect())
        };
        rows.skip(1).map(row).collect()
    }
}

impl Element {
    pub fn get(&self, attribute: &str) -> Option<&str> {
        self.attributes.get(attribute).map(String::as_str)
    }
}

#[test]
fn what_is_more_than_elements_and_text_is_not_read() {
    let page = Page::read("<p class=\"a &quot;&amp;\" hidden>&lt;b&gt; <b>x</b>\ny</p>");
    let [p, b] = &page.0[..] else {
        panic!("{page:?}");
    };
    assert_eq!((p.text.as_str(), b.text.as_str()), ("<b> x\ny", "x"));
    assert_eq!((p.get("class"), p.get("hidden")), (Some("a \"&"), Some("")));
    for html in [
        "<p>x",
        "<p><b></p></b>",
        "x</p>",
        "<p>a > b</p>",
        "<p>a & b</p>",
        "<p>&#60;</p>",
        "<p>&lt</p>",
        "<p><!-- x --></p>",
        "<p><![CDATA[x]]></p>",
        "<p/>",
        "<p a='b'></p>",
        "<p a=b></p>",
        "<p a=\"<b>\"></p>",
        "<p a=\"b\"c=\"d\"></p>",
        "<p a=\"b\" a=\"c\"></p>",
        "<p a=\"b></p>",
        "<p\u{9}a></p>",
        "<P></P>",
        "<p>\0</p>",
        "<script></b></script>",
        "<title><b></b></title>",
        "<style></p></style>",
        "<p><!DOCTYPE html></p>",
    ] {
        assert!(
            std::panic::catch_unwind(|| Page::read(html)).is_err(),
            "{html}"
        );
    }
}
