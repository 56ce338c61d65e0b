//! A namespace with an operator in it.

mod answers;
pub(crate) mod budget;
mod canonical;
mod fault;
mod in_process;
mod request;
mod status;
mod tap;
mod world;

pub(crate) use canonical::{differences, without_hashes};
pub(crate) use fault::{Fault, Refusal};
pub(crate) use in_process::{Operator, at_rest};
pub(crate) use request::{Asked, Verb};
pub(crate) use status::{condition, is};
pub(crate) use tap::Tap;
pub(crate) use world::{PATIENCE, World};
