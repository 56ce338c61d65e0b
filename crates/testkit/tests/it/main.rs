//! What the tests of the whole shop stand on, tested itself: the checker passes a shop in which everything holds and names each
//! thing that does not; servers end with who started them; a Kubernetes control plane does what it is for; the proxy breaks what
//! it is told to, and nothing else.

#[cfg(test)]
mod chaos;
#[cfg(test)]
mod checker;
#[cfg(test)]
mod checker_engines;
#[cfg(test)]
mod edges;
#[cfg(test)]
mod ends;
#[cfg(test)]
mod folder;
#[cfg(test)]
mod isolated;
#[cfg(test)]
mod kubernetes;
#[cfg(test)]
mod mail_server;
#[cfg(test)]
mod servers;
