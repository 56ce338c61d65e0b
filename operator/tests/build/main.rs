//! What the operator makes of a platform, without a cluster.

#[cfg(test)]
mod children;
#[cfg(test)]
mod disks;
#[cfg(test)]
mod flows;
#[cfg(test)]
mod platforms;
#[cfg(test)]
mod pod_template;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod provisioning;
#[cfg(test)]
mod reasons;
#[cfg(test)]
mod render;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod specs;
