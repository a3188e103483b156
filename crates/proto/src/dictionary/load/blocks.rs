use crate::Oid;

/// The BEGINs that are open.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    open: Vec<Block>,
    /// How many were open when the file being read began; it cannot close those.
    floor: usize,
}

#[derive(Debug)]
pub(super) struct Block {
    pub(super) keyword: &'static str,
    /// The lower-case name after the keyword.
    pub(super) name: String,
    pub(super) line: u32,
    pub(super) place: Place,
}

/// Where the attributes of a block live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Outside the RADIUS space: another protocol, or inside a struct.
    Elsewhere,
    /// Below this number.
    Below(Oid),
    /// Among the outermost attributes.
    Top,
}

impl Blocks {
    pub(super) fn enter_file(&mut self) -> usize {
        std::mem::replace(&mut self.floor, self.open.len())
    }

    /// Closes what the file left open, and says what that was.
    pub(super) fn leave_file(&mut self, outer: usize) -> Vec<(&'static str, u32)> {
        let left = self.open.split_off(self.floor);
        self.floor = outer;
        left.iter()
            .map(|block| (block.keyword, block.line))
            .collect()
    }

    pub(super) fn begin(&mut self, block: Block) {
        self.open.push(block);
    }

    /// Closes the innermost block if it is this one. `name` may be empty.
    pub(super) fn end(&mut self, keyword: &str, name: &str) -> bool {
        let matches = self.open.len() > self.floor
            && self.open.last().is_some_and(|block| {
                block.keyword == keyword && (name.is_empty() || block.name == name)
            });
        if matches {
            self.open.pop();
        }
        matches
    }

    pub(super) fn place(&self) -> Place {
        self.open.last().map_or(Place::Top, |block| block.place)
    }
}
