//! The administrator's command line from outside: on the files of a shop in one process, and on real servers.

#[cfg(test)]
mod command;
#[cfg(test)]
mod files;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod provisioning;
#[cfg(test)]
mod real_servers;
#[cfg(test)]
mod replica_set;
#[cfg(test)]
mod resync;
#[cfg(test)]
mod servers;
