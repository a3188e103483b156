//! A Rust file as a flat row of tokens that know their line and whether they only test.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// What a token is, as far as a rule cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Ident,
    Literal,
    Punct,
}

/// One token outside documentation.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) text: String,
    pub(crate) line: usize,
    /// Inside `#[cfg(test)]`, `#[test]` or a file of tests.
    pub(crate) test: bool,
}

/// Flattens `stream`, leaving documentation out. `test` is where it starts.
pub(crate) fn flatten(stream: TokenStream, test: bool) -> Vec<Token> {
    let mut tokens = Vec::new();
    descend(stream, test, &mut tokens);
    tokens
}

fn descend(stream: TokenStream, outer_test: bool, row: &mut Vec<Token>) {
    // Set by a test attribute, cleared at the end of the item it stands on.
    let mut item_test = false;
    let mut after_hash = false;
    for part in stream {
        let inside = outer_test || item_test;
        let line = part.span().start().line;
        let hash = after_hash;
        after_hash = false;
        match part {
            TokenTree::Group(group) if hash && group.delimiter() == Delimiter::Bracket => {
                let attribute = Attribute::of(&group);
                item_test |= attribute == Attribute::Test;
                if attribute != Attribute::Doc {
                    descend(group.stream(), inside || item_test, row);
                }
            }
            TokenTree::Group(group) => {
                let ends_item = group.delimiter() == Delimiter::Brace;
                descend(group.stream(), inside, row);
                item_test &= !ends_item;
            }
            TokenTree::Punct(punct) => {
                after_hash = punct.as_char() == '#' || (hash && punct.as_char() == '!');
                item_test &= punct.as_char() != ';';
                let text = punct.as_char().to_string();
                row.push(Token {
                    kind: Kind::Punct,
                    text,
                    line,
                    test: inside,
                });
            }
            TokenTree::Ident(ident) => {
                row.push(Token {
                    kind: Kind::Ident,
                    text: ident.to_string(),
                    line,
                    test: inside,
                });
            }
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                row.push(Token {
                    kind: Kind::Literal,
                    text,
                    line,
                    test: inside,
                });
            }
        }
    }
}

#[derive(PartialEq)]
enum Attribute {
    Doc,
    Test,
    Other,
}

impl Attribute {
    fn of(group: &Group) -> Self {
        let text = group.stream().to_string();
        let words: Vec<&str> = text
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .filter(|w| !w.is_empty())
            .collect();
        match words.as_slice() {
            ["doc", ..] => Self::Doc,
            ["cfg", rest @ ..] if rest.contains(&"test") && !rest.contains(&"not") => Self::Test,
            ["test"] | [_, "test", ..] if words.first() != Some(&"cfg") => Self::Test,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tested(source: &str) -> Vec<String> {
        let tokens = flatten(source.parse().unwrap(), false);
        let tested = tokens
            .into_iter()
            .filter(|t| t.test && t.kind == Kind::Ident);
        tested.map(|t| t.text).filter(|t| t.len() == 1).collect()
    }

    #[test]
    fn test_modules_and_test_functions_are_told_from_code() {
        let source = "fn a() { b } #[cfg(test)] mod tests { fn c() { d } } fn e() {}
            #[test] fn f() { g } const H: u8 = 1; #[cfg(not(test))] fn i() {}
            #[tokio::test] async fn j() {} #[cfg(test)] use x; fn k() {}";
        assert_eq!(tested(source), ["c", "d", "f", "g", "j", "x"]);
    }

    #[test]
    fn documentation_is_left_out() {
        let tokens = flatten(
            "/// Word `here`\n#[must_use] fn a() {}".parse().unwrap(),
            false,
        );
        assert!(tokens.iter().all(|t| !t.text.contains("Word")));
        assert!(tokens.iter().any(|t| t.text == "must_use"));
    }
}
