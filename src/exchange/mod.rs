//! What a person wrote, and what it means. Pure: text in, values and diagnostics out.

pub mod desired;

pub use desired::LastDeclared;
