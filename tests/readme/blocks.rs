//! The fenced blocks of a Markdown file, as its renderer sees them.

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

/// A block: what language it says it is in, and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) language: String,
    pub(crate) text: String,
}

/// Every fenced block, in order.
pub(crate) fn blocks(markdown: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut open: Option<Block> = None;
    for event in Parser::new(markdown) {
        if let Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) = event {
            open = Some(Block {
                language: language.to_string(),
                text: String::new(),
            });
        } else if let Event::Text(text) = event {
            if let Some(block) = &mut open {
                block.text.push_str(&text);
            }
        } else if event == Event::End(TagEnd::CodeBlock) {
            found.extend(open.take());
        }
    }
    found
}

/// The block whose text begins with `words`.
pub(crate) fn beginning(markdown: &str, words: &str) -> Block {
    blocks(markdown)
        .into_iter()
        .find(|block| block.text.starts_with(words))
        .unwrap_or_else(|| panic!("the README has no block that begins with {words:?}"))
}
