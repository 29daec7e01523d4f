//! HTML read back with an independent parser, as it is written: each element with its attributes and its
//! text.

use std::cell::RefCell;
use std::collections::BTreeMap;

use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult};
use html5ever::tokenizer::{Tokenizer, TokenizerOpts};

/// An element with all text within.
#[derive(Debug, Default)]
pub struct Element {
    pub name: String,
    pub attributes: BTreeMap<String, String>,
    pub parent: Option<usize>,
    pub text: String,
}

/// A page that has no error, no comment, and no element that is not closed where it should be.
#[derive(Debug, Default)]
pub struct Page(pub Vec<Element>);

#[derive(Default)]
struct Reader(RefCell<(Page, Vec<usize>)>);

impl TokenSink for Reader {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let (page, open) = &mut *self.0.borrow_mut();
        match token {
            Token::TagToken(tag) if tag.kind == TagKind::EndTag => {
                let last = open.pop().expect("nothing is open");
                assert_eq!(*tag.name, *page.0[last].name, "closes another element");
            }
            Token::TagToken(tag) => return page.open(&tag, open),
            Token::CharacterTokens(text) => {
                for at in open {
                    page.0[*at].text.push_str(&text);
                }
            }
            Token::DoctypeToken(doctype) => assert_eq!(doctype.name.as_deref(), Some("html")),
            Token::EOFToken => assert!(open.is_empty(), "something is left open"),
            other => panic!("{other:?}"),
        }
        TokenSinkResult::Continue
    }
}

impl Page {
    pub fn read(html: &str) -> Self {
        let options = TokenizerOpts {
            exact_errors: true,
            ..TokenizerOpts::default()
        };
        let tokenizer = Tokenizer::new(Reader::default(), options);
        let input = BufferQueue::default();
        input.push_back(html.into());
        let _ = tokenizer.feed(&input);
        tokenizer.end();
        tokenizer.sink.0.into_inner().0
    }

    fn open(&mut self, tag: &Tag, open: &mut Vec<usize>) -> TokenSinkResult<()> {
        assert!(
            !tag.had_duplicate_attributes && !tag.self_closing,
            "{tag:?}"
        );
        let attribute = |attribute: &html5ever::Attribute| {
            (
                attribute.name.local.to_string(),
                attribute.value.to_string(),
            )
        };
        self.0.push(Element {
            name: tag.name.to_string(),
            attributes: tag.attrs.iter().map(attribute).collect(),
            parent: open.last().copied(),
            text: String::new(),
        });
        if !["meta", "input"].contains(&&*tag.name) {
            open.push(self.0.len() - 1);
        }
        match &*tag.name {
            "style" => TokenSinkResult::RawData(RawKind::Rawtext),
            _ => TokenSinkResult::Continue,
        }
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

    /// Returns the table of a class.
    pub fn table(&self, class: &str) -> usize {
        let mut tables = self.all("table");
        let found = tables.find(|(_, table)| table.get("class") == Some(class));
        found.unwrap_or_else(|| panic!("no table {class}")).0
    }

    /// Returns the numbers within an element; what people read and what programs read agree.
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

    /// Returns the rows of a table's body: the head of each, and its numbers.
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
