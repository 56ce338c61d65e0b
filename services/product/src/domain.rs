//! What products and stock are, without input or output.

pub mod attributes;
pub mod product;
pub mod reservation;
pub mod slug;
pub mod stock;
pub mod tokens;
