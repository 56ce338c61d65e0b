# What needs a second node; read by check.sh.
# shellcheck shell=bash disable=SC2154 # The rest is in settings.sh and in who reads this.

k scale deployment server --replicas=4 >/dev/null
k rollout status deployment server --timeout=60s >/dev/null
on_node() { k get pods --selector app=server --field-selector "spec.nodeName=$1,status.phase=Running" --output 'jsonpath={range .items[*]}{.status.podIP}{"\n"}{end}'; }
check "pods are on both nodes" [ -n "$(on_node node-1)" -a -n "$(on_node node-2)" ]
for node in node-1 node-2; do
	check "a pod of $node is reached" says hello get_from friend "http://$(on_node "$node" | head -1):8080/"
done
policy nobody '{podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress]}'
for node in node-1 node-2; do
	check "a policy holds on $node" is_held_back friend "http://$(on_node "$node" | head -1):8080/"
done
k delete networkpolicy --all >/dev/null
check "a node is drained" k drain node-2 --ignore-daemonsets --delete-emptydir-data --force --timeout=60s
check "its pods are elsewhere" within 30 replicas -eq 4
check "none is left on it" [ -z "$(on_node node-2)" ]
k uncordon node-2 >/dev/null

"$here/node.sh" off 2
check "a node without power is noticed" k wait --for=condition=Ready=Unknown node/node-2 --timeout=40s
on_node_1() { [ "$(on_node node-1 | wc -l)" = 4 ]; }
check "its pods are replaced" within 40 on_node_1
"$here/node.sh" on 2
check "it comes back" k wait --for=condition=Ready node/node-2 --timeout=40s
k delete pods --all --wait=false >/dev/null
check "and takes pods again" within 60 sh -c "[ -n \"\$('$here/in.sh' kubectl --namespace $namespace get pods --field-selector spec.nodeName=node-2,status.phase=Running --output name)\" ]"
