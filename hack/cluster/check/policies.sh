# Network policies really let through and hold back; read by check.sh.
# shellcheck shell=bash disable=SC2154 # The rest is in settings.sh and in who reads this.

policy() { # NAME SPEC
	printf '{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: %s}, spec: %s}' "$1" "$2" |
		k apply --filename - >/dev/null
}
# Seen by the enforcers within a moment.
reaches() { within 5 says hello get_from "$1" "$2"; }
is_held_back() { within 5 not get_from "$1" "$2" && not get_from "$1" "$2"; }
dns='{ports: [{port: 53, protocol: UDP}, {port: 1053, protocol: UDP}]}'

policy nobody '{podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress]}'
check "no rule for who may come: nobody does" is_held_back friend http://server/
check "but the node's probes do" sleep 3
check "and the pod stays ready" says 1/1 k get pods --selector app=server

policy friends '{podSelector: {matchLabels: {app: server}}, ingress: [{from: [{podSelector: {matchLabels: {app: friend}}}], ports: [{port: http}]}]}'
check "a named port is open for a labelled pod" reaches friend http://server/
check "and for no other" is_held_back stranger http://server/
k label pod stranger app=friend --overwrite >/dev/null
check "a label opens it" reaches stranger http://server/
k label pod stranger app=stranger --overwrite >/dev/null
check "and closes it" is_held_back stranger http://server/

policy friends '{podSelector: {matchLabels: {app: server}}, ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: default}}}]}]}'
check "a namespace that is not selected is held back" is_held_back friend http://server/
policy friends '{podSelector: {matchLabels: {app: server}}, ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: cluster-check}}}], ports: [{port: 8080}]}]}'
check "one that is selected is not" reaches friend http://server/
friend=$(k get pod friend --output 'jsonpath={.status.podIP}')
policy friends "{podSelector: {matchLabels: {app: server}}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [$friend/32]}}]}]}"
check "an exception of a block is held back" is_held_back friend http://server/
check "the rest of the block is not" reaches stranger http://server/
k delete networkpolicy --all >/dev/null
check "without policies all is open again" reaches friend http://server/

policy out "{podSelector: {matchLabels: {app: stranger}}, policyTypes: [Egress], egress: [$dns]}"
check "no rule for where to: nowhere" is_held_back stranger http://server/
check "not to the API server either" not from stranger nc -w 2 "$(node_address 1)" 6443 -e true
check "names are found all the same" from stranger nslookup -type=a server.cluster-check.svc.cluster.local
policy to-server '{podSelector: {matchLabels: {app: stranger}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {app: server}}}], ports: [{port: http}]}]}'
check "a named port of the target is open" reaches stranger http://server/
k delete networkpolicy to-server >/dev/null

# The very first thing that a pod does: a policy that comes a moment later would be too late.
k apply --filename "$here/check/early.yaml" >/dev/null
check "of twenty new pods none got out before its policy" k wait --for=condition=Complete job/early --timeout=60s
check "and none was held back that may" k wait --for=condition=Complete job/early-friend --timeout=60s
k delete networkpolicy --all >/dev/null
