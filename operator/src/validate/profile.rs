//! What a profile says where the spec says nothing.

use crate::resource::{Profile, ResourceList, Resources};

/// How many replicas a service has.
pub(super) const fn replicas(profile: Profile) -> i32 {
    match profile {
        Profile::Development => 1,
        Profile::Production => 2,
    }
}

/// How many members MongoDB, RabbitMQ and a `CloudNativePG` cluster have. The schema's rule that members are never fewer knows
/// the same numbers.
pub(super) const fn members(profile: Profile) -> i32 {
    match profile {
        Profile::Development => 1,
        Profile::Production => 3,
    }
}

/// Processor and memory of one of our services. There is no limit of processor time: it would slow a service down while there
/// is time to spare.
pub(super) fn service(profile: Profile) -> Resources {
    match profile {
        Profile::Development => resources("50m", "64Mi", "256Mi"),
        Profile::Production => resources("250m", "128Mi", "512Mi"),
    }
}

/// Of a member of MongoDB, whose cache is a quarter of a gigabyte at least.
pub(super) fn mongodb(profile: Profile) -> Resources {
    match profile {
        Profile::Development => resources("100m", "384Mi", "1Gi"),
        Profile::Production => resources("500m", "1Gi", "2Gi"),
    }
}

/// Of PostgreSQL.
pub(super) fn postgres(profile: Profile) -> Resources {
    match profile {
        Profile::Development => resources("100m", "128Mi", "512Mi"),
        Profile::Production => resources("500m", "512Mi", "2Gi"),
    }
}

/// Of a member of RabbitMQ, which takes nothing more when it has used 60 % of its limit.
pub(super) fn rabbitmq(profile: Profile) -> Resources {
    match profile {
        Profile::Development => resources("100m", "256Mi", "512Mi"),
        Profile::Production => resources("250m", "512Mi", "1Gi"),
    }
}

fn resources(cpu: &str, memory: &str, most_memory: &str) -> Resources {
    Resources {
        requests: ResourceList {
            cpu: Some(cpu.to_owned()),
            memory: Some(memory.to_owned()),
        },
        limits: ResourceList {
            cpu: None,
            memory: Some(most_memory.to_owned()),
        },
    }
}
