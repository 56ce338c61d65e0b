//! The operator with the rights that it says it needs: they are enough, and each of them is missed if it is not there. The real
//! program runs as a service account, and a real API server judges, which also guards owner references.

#[cfg(test)]
mod account;
#[cfg(test)]
mod apis;
#[cfg(test)]
mod enough;
#[cfg(test)]
mod least;
#[cfg(test)]
mod plane;
#[cfg(test)]
mod process;
