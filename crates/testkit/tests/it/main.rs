//! The checker itself: it passes a shop in which everything holds, and names each thing that does not.

#[cfg(test)]
mod checker;
#[cfg(test)]
mod folder;
