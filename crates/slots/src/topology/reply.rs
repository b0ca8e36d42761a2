//! A server's reply with its nesting, from JSON or from the numbered tree that `redis-cli` draws
//! on a terminal.
//!
//! ```text
//! 1) 1) "slots"                      1) 1# "slots" =>
//!    2) 1) (integer) 5461                  1) (integer) 5461
//!       2) (integer) 10922                 2) (integer) 10922
//! ```
//! On the left is RESP2, on the right RESP3, where maps have `#` (`cliFormatReplyTTY` of
//! `src/redis-cli.c`). All elements of an array have their `)` in the same column, and those of an
//! array inside it have theirs further right; that is all the nesting there is.

use serde_json::Value;

use crate::Error;

/// Deeper than any topology (four levels), and shallow enough for recursion.
const DEPTH_MAX: usize = 16;

/// One value of a reply.
#[derive(Debug)]
pub(super) struct Reply {
    /// Line in the text, from 1; 0 where it is not known.
    pub line: usize,
    pub kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Nil,
    /// A string, or a number as its digits: plain output does not tell them apart.
    Text(String),
    Array(Vec<Reply>),
    Map(Vec<(String, Reply)>),
}

impl Reply {
    pub(super) fn text(line: usize, text: impl Into<String>) -> Reply {
        Reply {
            line,
            kind: Kind::Text(text.into()),
        }
    }

    pub(super) fn array(line: usize, items: Vec<Reply>) -> Reply {
        Reply {
            line,
            kind: Kind::Array(items),
        }
    }

    pub(super) fn map(line: usize, pairs: Vec<(String, Reply)>) -> Reply {
        Reply {
            line,
            kind: Kind::Map(pairs),
        }
    }

    /// The place for a message: the line where it is known, and the part of the reply.
    pub(super) fn at(&self, part: &str) -> String {
        match self.line {
            0 => part.to_owned(),
            line => format!("line {line}, {part}"),
        }
    }

    #[cold]
    pub(super) fn unexpected(&self, part: &str, expected: &'static str) -> Error {
        let found = match &self.kind {
            Kind::Nil => "nil",
            Kind::Text(text) => text,
            Kind::Array(_) => "an array",
            Kind::Map(_) => "a map",
        };
        Error::unexpected(self.at(part), expected, found)
    }

    pub(super) fn as_text(&self, part: &str, expected: &'static str) -> Result<&str, Error> {
        match &self.kind {
            Kind::Text(text) => Ok(text),
            _ => Err(self.unexpected(part, expected)),
        }
    }

    /// The text of a value that may be missing; empty for nil.
    pub(super) fn as_optional_text(&self, part: &str) -> Result<&str, Error> {
        match &self.kind {
            Kind::Nil => Ok(""),
            _ => self.as_text(part, "a string or nil"),
        }
    }

    pub(super) fn as_array(&self, part: &str) -> Result<&[Reply], Error> {
        match &self.kind {
            Kind::Array(items) => Ok(items),
            _ => Err(self.unexpected(part, "an array")),
        }
    }

    /// Names and values of a map, or of the flat array that RESP2 has instead.
    pub(super) fn as_pairs(&self, part: &str) -> Result<Vec<(&str, &Reply)>, Error> {
        match &self.kind {
            Kind::Map(pairs) => Ok(pairs.iter().map(|(n, v)| (n.as_str(), v)).collect()),
            Kind::Array(items) => items
                .chunks(2)
                .map(|pair| match pair {
                    [name, value] => Ok((name.as_text(part, "a name")?, value)),
                    _ => Err(self.unexpected(part, "names and values in pairs")),
                })
                .collect(),
            _ => Err(self.unexpected(part, "names and values")),
        }
    }

    /// Whether the first element begins with a name, as the shards of `CLUSTER SHARDS` do, and
    /// not with a number.
    pub(super) fn first_of_first_is_text(&self) -> bool {
        let Kind::Array(items) = &self.kind else {
            return false;
        };
        match items.first().map(|item| &item.kind) {
            Some(Kind::Map(_)) => true,
            Some(Kind::Array(items)) => match items.first().map(|item| &item.kind) {
                Some(Kind::Text(text)) => !text.bytes().all(|b| b.is_ascii_digit()),
                _ => false,
            },
            _ => false,
        }
    }
}

/// Takes over what `redis-cli --json` printed: maps with RESP3, flat arrays with RESP2.
pub(super) fn from_json(value: &Value, depth: usize) -> Result<Reply, Error> {
    if depth > DEPTH_MAX {
        return Err(too_deep(0));
    }
    let kind = match value {
        Value::Null => Kind::Nil,
        Value::Bool(flag) => Kind::Text(flag.to_string()),
        Value::Number(number) => Kind::Text(number.to_string()),
        Value::String(text) => Kind::Text(text.clone()),
        Value::Array(items) => {
            let items = items.iter().map(|item| from_json(item, depth + 1));
            Kind::Array(items.collect::<Result<_, _>>()?)
        }
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(name, value)| Ok((name.clone(), from_json(value, depth + 1)?)));
            Kind::Map(fields.collect::<Result<_, _>>()?)
        }
    };
    Ok(Reply { line: 0, kind })
}

/// Whether the line is one that `redis-cli` begins a tree with.
pub(super) fn looks_like_tree(line: &str) -> bool {
    let mut rest = line;
    marker(&mut rest).is_some()
}

/// What `redis-cli` prints for arrays and maps without elements; the words differ by version.
pub(super) fn is_empty_aggregate(text: &str) -> bool {
    matches!(
        text,
        "(empty array)" | "(empty list or set)" | "(empty hash)" | "(empty set)" | "(empty map)"
    )
}

/// Reads a tree.
pub(super) fn parse_tree(text: &str) -> Result<Reply, Error> {
    let mut tokens = Vec::new();
    for (index, line) in text.lines().enumerate() {
        tokenize(index + 1, line, &mut tokens)?;
    }
    let mut tree = Tree {
        tokens: &tokens,
        last_line: text.lines().count(),
    };
    let reply = tree.value(0, 0)?;
    match tree.tokens.first() {
        None => Ok(reply),
        Some(token) => Err(token.unexpected("the end of the reply")),
    }
}

struct Token<'a> {
    line: usize,
    kind: TokenKind<'a>,
}

enum TokenKind<'a> {
    /// `12) ` of an array or `12# ` of a map, with the column of the sign after the number.
    Marker {
        column: usize,
        number: usize,
        sign: u8,
    },
    /// The name in `1# "name" => value`.
    Name(&'a str),
    Scalar(&'a str),
}

impl Token<'_> {
    #[cold]
    fn unexpected(&self, expected: &'static str) -> Error {
        let at = format!("line {}", self.line);
        match self.kind {
            TokenKind::Marker { number, sign, .. } => {
                let found = format!("{number}{}", char::from(sign));
                Error::unexpected(at, expected, &found)
            }
            TokenKind::Name(text) | TokenKind::Scalar(text) => {
                Error::unexpected(at, expected, text)
            }
        }
    }
}

/// Takes a marker from the front, with the blanks around it.
fn marker(rest: &mut &str) -> Option<(usize, usize, u8)> {
    let trimmed = rest.trim_start_matches(' ');
    let digits = trimmed.bytes().take_while(u8::is_ascii_digit).count();
    let number = trimmed[..digits].parse().ok()?;
    let after = trimmed[digits..].strip_prefix([')', '#'])?;
    let sign = trimmed.as_bytes()[digits];
    if !(after.is_empty() || after.starts_with(' ')) {
        return None;
    }
    let column = rest.len() - trimmed.len() + digits;
    *rest = after.strip_prefix(' ').unwrap_or(after);
    Some((column, number, sign))
}

fn tokenize<'a>(line: usize, text: &'a str, tokens: &mut Vec<Token<'a>>) -> Result<(), Error> {
    let mut rest = text;
    let mut in_map = false;
    loop {
        let consumed = text.len() - rest.len();
        let Some((column, number, sign)) = marker(&mut rest) else {
            break;
        };
        in_map = sign == b'#';
        let column = consumed + column;
        tokens.push(Token {
            line,
            kind: TokenKind::Marker {
                column,
                number,
                sign,
            },
        });
    }
    let rest = rest.trim();
    let scalar = if in_map {
        let Some((name, value)) = rest.split_once("=>") else {
            let at = format!("line {line}");
            return Err(Error::unexpected(at, "a name and =>", rest));
        };
        let name = TokenKind::Name(name.trim());
        tokens.push(Token { line, kind: name });
        value.trim()
    } else {
        rest
    };
    if !scalar.is_empty() {
        let kind = TokenKind::Scalar(scalar);
        tokens.push(Token { line, kind });
    }
    Ok(())
}

struct Tree<'a> {
    tokens: &'a [Token<'a>],
    last_line: usize,
}

impl<'a> Tree<'a> {
    fn next(&mut self, expected: &'static str) -> Result<&'a Token<'a>, Error> {
        let Some((first, rest)) = self.tokens.split_first() else {
            let at = format!("line {}", self.last_line);
            return Err(Error::truncated(at, expected));
        };
        self.tokens = rest;
        Ok(first)
    }

    /// The marker that is next, when it lies in the column.
    fn peek_marker(&self, wanted: usize) -> Option<&'a Token<'a>> {
        let token = self.tokens.first()?;
        let is_it = matches!(token.kind, TokenKind::Marker { column, .. } if column == wanted);
        is_it.then_some(token)
    }

    /// A value whose markers, if it has any, lie at or right of `left`.
    fn value(&mut self, left: usize, depth: usize) -> Result<Reply, Error> {
        let token = self.next("a value")?;
        match token.kind {
            TokenKind::Scalar(text) => scalar(token, text),
            TokenKind::Marker { column, sign, .. } if column >= left => {
                if depth > DEPTH_MAX {
                    return Err(too_deep(token.line));
                }
                self.aggregate(token, column, sign, depth)
            }
            _ => Err(token.unexpected("a value")),
        }
    }

    fn aggregate(
        &mut self,
        first: &'a Token<'a>,
        column: usize,
        wanted_sign: u8,
        depth: usize,
    ) -> Result<Reply, Error> {
        let (mut items, mut pairs) = (Vec::new(), Vec::new());
        let mut next = Some(first);
        let mut count = 0;
        while let Some(token) = next {
            count += 1;
            match token.kind {
                TokenKind::Marker { number, sign, .. }
                    if number == count && sign == wanted_sign => {}
                _ => return Err(token.unexpected("the next number of the array")),
            }
            if wanted_sign == b'#' {
                let token = self.next("a name")?;
                let TokenKind::Name(name) = token.kind else {
                    return Err(token.unexpected("a name"));
                };
                let name = unquote(token, name)?;
                pairs.push((name, self.value(column + 1, depth + 1)?));
            } else {
                items.push(self.value(column + 1, depth + 1)?);
            }
            next = self.peek_marker(column);
            if next.is_some() {
                self.next("a number")?;
            }
        }
        Ok(if wanted_sign == b'#' {
            Reply::map(first.line, pairs)
        } else {
            Reply::array(first.line, items)
        })
    }
}

fn scalar(token: &Token<'_>, text: &str) -> Result<Reply, Error> {
    let line = token.line;
    if is_empty_aggregate(text) {
        return Ok(Reply::array(line, Vec::new()));
    }
    if text == "(nil)" {
        let kind = Kind::Nil;
        return Ok(Reply { line, kind });
    }
    match text.strip_prefix("(integer) ") {
        Some(number) => Ok(Reply::text(line, number)),
        None => Ok(Reply::text(line, unquote(token, text)?)),
    }
}

/// Takes off the quotes. What stands between is never escaped in a topology: ids, numbers, names
/// and addresses are printable ASCII without quotes and backslashes.
fn unquote(token: &Token<'_>, text: &str) -> Result<String, Error> {
    let inner = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    match inner {
        Some(inner) if !inner.contains(['"', '\\']) => Ok(inner.to_owned()),
        _ => Err(token.unexpected("a number, a quoted string without escapes, or (nil)")),
    }
}

#[cold]
fn too_deep(line: usize) -> Error {
    let at = if line == 0 {
        "the reply".to_owned()
    } else {
        format!("line {line}")
    };
    Error::unexpected(at, "the nesting of a topology", "many more levels")
}
