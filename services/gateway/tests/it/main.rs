//! The gateway between real clients and small services made for the tests.

mod access;
mod bodies;
mod ending;
mod fakes;
mod headers;
mod limits;
mod pages;
mod paths;
mod raw;
mod route_files;
mod routing;
mod shop;
mod upstreams;
