//! The service as the operator runs it: as a process, with the variables, the rights and the routes of
//! `examples/extra-service.yaml`, on real servers.

#[cfg(test)]
mod customer;
#[cfg(test)]
mod manifest;
#[cfg(test)]
mod place;
#[cfg(test)]
mod process;
