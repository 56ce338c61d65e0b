# Certificates, tokens and kubeconfigs of a new cluster; read by up.sh.
# shellcheck shell=bash disable=SC2154 # The rest is in settings.sh and in who reads this.

# Of one run: who keeps a cluster for longer than this has forgotten it.
valid_days=30

openssl_request() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days "$valid_days" \
		-config <(printf '[req]\ndistinguished_name = name\n[name]\n') "$@" 2>/dev/null
}

# authority NAME: NAME.crt and NAME.key.
authority() {
	openssl_request -keyout "$1.key" -out "$1.crt" -subj "/CN=$cluster-$1" \
		-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign
}

# certificate NAME AUTHORITY SUBJECT [EXTENSION…]: NAME.crt and NAME.key.
certificate() {
	local name=$1 authority=$2 subject=$3 extensions=() extension
	shift 3
	for extension; do extensions+=(-addext "$extension"); done
	openssl_request -keyout "$name.key" -out "$name.crt" -CA "$authority.crt" -CAkey "$authority.key" -subj "$subject" \
		-addext basicConstraints=critical,CA:FALSE -addext keyUsage=critical,digitalSignature "${extensions[@]}"
}

# account USER [GROUP]: a token, and a kubeconfig named after the user.
account() {
	local user=$1 group=${2:-} token
	token=$(openssl rand -hex 16)
	echo "$token,$user,$user,\"$group\"" >>tokens.csv
	cat >"kubeconfig-${user//:/-}" <<-END
		apiVersion: v1
		kind: Config
		clusters:
		- name: $cluster
		  cluster:
		    server: https://$(node_address 1):6443
		    certificate-authority-data: $(base64 -w0 ca.crt)
		users:
		- name: $user
		  user: {token: $token}
		contexts:
		- name: $cluster
		  context: {cluster: $cluster, user: $user}
		current-context: $cluster
	END
}

# make_credentials FOLDER NODES
make_credentials() (
	umask 077
	mkdir -p "$1"
	cd "$1"
	authority ca
	authority front-proxy-ca
	certificate apiserver ca /CN=kube-apiserver extendedKeyUsage=serverAuth \
		"subjectAltName=IP:$(node_address 1),IP:127.0.0.1,IP:${services_network%.*}.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"
	# How the API server gets into kubelets (exec, logs, port-forward) and into aggregated APIs (metrics).
	certificate kubelet-client ca /O=system:masters/CN=kube-apiserver-kubelet-client extendedKeyUsage=clientAuth
	certificate front-proxy-client front-proxy-ca /CN=front-proxy-client extendedKeyUsage=clientAuth
	openssl ecparam -name prime256v1 -genkey -noout -out service-accounts.key
	openssl ec -in service-accounts.key -pubout -out service-accounts.pub 2>/dev/null

	account administrator system:masters
	account system:kube-controller-manager
	account system:kube-scheduler
	account system:kube-proxy
	account network-policy
	account growing-volumes
	local node
	for ((node = 1; node <= $2; node++)); do
		account "system:node:$(node_name "$node")" system:nodes
	done
)
