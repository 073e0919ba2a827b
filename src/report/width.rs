//! How wide text may be.

/// The width of what no terminal shows: nothing is wrapped there, so that lines can be searched and names copied.
pub const UNBOUNDED: u16 = u16::MAX;
/// The width of a window into which everything fits.
pub const FITTING: u16 = UNBOUNDED - 1;

/// Signs that a line has room for: what has no bound is not one of so many thousand columns.
pub fn room(width: u16) -> usize {
    if width == UNBOUNDED {
        usize::MAX
    } else {
        usize::from(width)
    }
}

/// Signs of the longest line.
pub fn widest(text: &str) -> usize {
    let lines = text.lines().map(|line| line.chars().count());
    lines.max().unwrap_or_default()
}
