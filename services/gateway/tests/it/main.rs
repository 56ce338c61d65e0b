//! The gateway between real clients and small services made for the tests.

#[cfg(test)]
mod access;
#[cfg(test)]
mod bodies;
#[cfg(test)]
mod ending;
#[cfg(test)]
mod fakes;
#[cfg(test)]
mod headers;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod paths;
#[cfg(test)]
mod raw;
#[cfg(test)]
mod route_files;
#[cfg(test)]
mod routing;
#[cfg(test)]
mod shop;
#[cfg(test)]
mod too_large;
#[cfg(test)]
mod upstreams;
