//! Every flow of a platform, as `docs/architecture.md` draws them, with those of its Jobs.

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::NetworkPolicyPeer;

use crate::build::access;
use crate::build::addresses::{
    self, AMQP_PORT, MONGODB, MONGODB_PORT, POSTGRES, POSTGRES_PORT, PROVISION, RABBITMQ,
    RABBITMQ_MANAGEMENT_PORT, migration,
};
use crate::names::Component;
use crate::platform::{CoreService, External, NetworkRules, Platform, Postgres, Role, Workload};
use crate::resource::Need;

/// Nodes of RabbitMQ find and talk to each other: epmd, and Erlang's distribution.
const RABBITMQ_PEER_PORTS: [i32; 2] = [4369, 25_672];
/// Where `CloudNativePG` asks its servers how they are.
const CLOUD_NATIVE_PG_STATUS_PORT: i32 = 8000;
/// The variable that says where traces are exported to.
const TRACES: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// The port of OTLP over HTTP, where it is not known better.
const OTLP_PORT: i32 = 4318;

/// Connections that may be made over TCP.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Flow {
    pub(super) from: Party,
    pub(super) to: Party,
    /// Sorted.
    pub(super) ports: Vec<i32>,
}

/// One end of a flow.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Party {
    /// Pods of the platform.
    Pods(Pods),
    /// Any pod of the cluster.
    Cluster,
    /// Those that people name.
    Peers(Vec<NetworkPolicyPeer>),
    /// Everybody.
    Anybody,
}

impl Party {
    pub(super) fn is(&self, pods: &Pods) -> bool {
        matches!(self, Self::Pods(those) if those == pods)
    }
}

/// Pods that are treated alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pods {
    pub(super) component: Component,
    pub(super) labels: BTreeMap<String, String>,
    /// Whether we make them: we do not know whom those of others have to talk to.
    pub(super) are_ours: bool,
}

/// All pods of a platform.
pub(super) fn pods(platform: &Platform) -> Vec<Pods> {
    let mut pods = vec![ours(platform, &Component::new(PROVISION))];
    for workload in &platform.workloads {
        pods.push(ours(platform, &workload.component));
        if stores(workload).next().is_some() {
            pods.push(ours(platform, &migration(workload)));
        }
    }
    let servers = [Need::Mongodb, Need::Postgres, Need::Rabbitmq];
    pods.extend(
        servers
            .into_iter()
            .filter_map(|need| server(platform, need)),
    );
    pods
}

/// All flows of a platform.
pub(super) fn of(platform: &Platform, rules: &NetworkRules) -> Vec<Flow> {
    let mut flows = Vec::new();
    for workload in &platform.workloads {
        match &workload.role {
            Role::Gateway => gateway(&mut flows, platform, workload, rules),
            Role::Core(_) | Role::Extra(_) => service(&mut flows, platform, workload),
        }
        let pods = Party::Pods(ours(platform, &workload.component));
        if let (true, Some(port)) = (platform.service_monitors, workload.admin_port()) {
            flows.push(flow(Party::Cluster, pods.clone(), [port]));
        }
        if let Some(port) = traces_port(workload) {
            flows.push(flow(pods, Party::Anybody, [port]));
        }
    }
    provision(&mut flows, platform);
    among_members(&mut flows, platform);
    flows
}

fn gateway(flows: &mut Vec<Flow>, platform: &Platform, gateway: &Workload, rules: &NetworkRules) {
    let pods = Party::Pods(ours(platform, &gateway.component));
    let clients = match rules.ingress_from.as_slice() {
        [] => Party::Anybody,
        peers => Party::Peers(peers.to_vec()),
    };
    flows.push(flow(clients, pods.clone(), [gateway.port]));
    for service in &platform.workloads {
        if service.role != Role::Gateway {
            let to = Party::Pods(ours(platform, &service.component));
            let ports = [service.port].into_iter().chain(service.admin_port());
            flows.push(flow(pods.clone(), to, ports));
        }
    }
}

/// A service: to its servers, and to the user service for the keys of access tokens and for address books.
fn service(flows: &mut Vec<Flow>, platform: &Platform, workload: &Workload) {
    let pods = Party::Pods(ours(platform, &workload.component));
    if workload.role != Role::Core(CoreService::User) {
        let user = Component::new(CoreService::User.name());
        let to = Party::Pods(ours(platform, &user));
        flows.push(flow(pods.clone(), to, [CoreService::User.port()]));
    }
    for need in workload.needs() {
        flows.push(to_server(platform, pods.clone(), need));
    }
    for need in stores(workload) {
        let migration = Party::Pods(ours(platform, &migration(workload)));
        flows.push(to_server(platform, migration, need));
    }
    if let (Role::Core(CoreService::Notification), Some(email)) = (&workload.role, &platform.email)
    {
        flows.push(flow(pods, Party::Anybody, [email.port]));
    }
}

fn stores(workload: &Workload) -> impl Iterator<Item = Need> {
    let needs = workload.needs().into_iter();
    needs.filter(|need| *need != Need::Rabbitmq)
}

/// The Job that makes databases and users: to every server where it does, also to the broker's management.
fn provision(flows: &mut Vec<Flow>, platform: &Platform) {
    let pods = Party::Pods(ours(platform, &Component::new(PROVISION)));
    for need in [Need::Mongodb, Need::Postgres, Need::Rabbitmq] {
        if access::external(platform, need).is_some_and(|server| !access::is_administered(server)) {
            continue;
        }
        let mut flow = to_server(platform, pods.clone(), need);
        if need == Need::Rabbitmq && access::rabbitmq(platform).is_none() {
            flow.ports.push(RABBITMQ_MANAGEMENT_PORT);
        }
        flows.push(flow);
    }
}

/// Members of a server among themselves.
fn among_members(flows: &mut Vec<Flow>, platform: &Platform) {
    let members = |need| server(platform, need).map(Party::Pods);
    if let Some(mongodb) = members(Need::Mongodb) {
        flows.push(flow(mongodb.clone(), mongodb, [MONGODB_PORT]));
    }
    if let Some(rabbitmq) = members(Need::Rabbitmq) {
        flows.push(flow(rabbitmq.clone(), rabbitmq, RABBITMQ_PEER_PORTS));
    }
    if let (Postgres::CloudNativePg(_), Some(postgres)) =
        (&platform.postgres, members(Need::Postgres))
    {
        let among = [POSTGRES_PORT, CLOUD_NATIVE_PG_STATUS_PORT];
        flows.push(flow(postgres.clone(), postgres.clone(), among));
        // Its operator is in a namespace that is not known here.
        let status = [CLOUD_NATIVE_PG_STATUS_PORT];
        flows.push(flow(Party::Cluster, postgres, status));
    }
}

fn to_server(platform: &Platform, from: Party, need: Need) -> Flow {
    let port = match need {
        Need::Mongodb => MONGODB_PORT,
        Need::Postgres => POSTGRES_PORT,
        Need::Rabbitmq => AMQP_PORT,
    };
    match (server(platform, need), access::external(platform, need)) {
        (Some(pods), _) => flow(from, Party::Pods(pods), [port]),
        // It may be anywhere, and its name may lead elsewhere tomorrow.
        (None, Some(External { ports, .. })) => flow(from, Party::Anybody, ports.iter().copied()),
        (None, None) => flow(from, Party::Anybody, [port]),
    }
}

/// The pods of a server; none if it is outside.
fn server(platform: &Platform, need: Need) -> Option<Pods> {
    if access::external(platform, need).is_some() {
        return None;
    }
    let component = Component::new(match need {
        Need::Mongodb => MONGODB,
        Need::Postgres => POSTGRES,
        Need::Rabbitmq => RABBITMQ,
    });
    if need == Need::Postgres && matches!(platform.postgres, Postgres::CloudNativePg(_)) {
        let cluster = addresses::server(&platform.owner, POSTGRES);
        return Some(Pods {
            component,
            labels: BTreeMap::from([("cnpg.io/cluster".to_owned(), cluster)]),
            are_ours: false,
        });
    }
    Some(ours(platform, &component))
}

fn ours(platform: &Platform, component: &Component) -> Pods {
    Pods {
        component: component.clone(),
        labels: platform.owner.selector(component),
        are_ours: true,
    }
}

fn flow(from: Party, to: Party, ports: impl IntoIterator<Item = i32>) -> Flow {
    let mut ports: Vec<_> = ports.into_iter().collect();
    ports.sort_unstable();
    Flow { from, to, ports }
}

/// The port that a workload exports traces to, if people said so.
fn traces_port(workload: &Workload) -> Option<i32> {
    let mut variables = workload.env.iter();
    let endpoint = variables.find(|variable| variable.name == TRACES)?;
    let Some(url) = &endpoint.value else {
        // It is in a Secret.
        return Some(OTLP_PORT);
    };
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split('/').next().unwrap_or_default();
    let usual = if scheme == "https" { 443 } else { 80 };
    let port = authority.rsplit_once(':').map(|(_, port)| port);
    Some(port.and_then(|port| port.parse().ok()).unwrap_or(usual))
}
