//! People at a shop, while it is at work or being broken: customers who order, and visitors who look around. Both know afterwards
//! what they were told, so that it can be compared with what is in the stores.

mod load;
mod pace;
mod visitors;

pub use load::{Load, Placed, Progress};
pub use visitors::{Visitors, Visits};
