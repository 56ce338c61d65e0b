# Runs before the server whenever a member's pod starts.
set -euo pipefail

# Erlang wants the nodes' cookie to be its own and to be read by nobody else.
install -m 0400 /etc/shop/secrets/erlang-cookie /run/rabbitmq/.erlang.cookie

# The settings, and the root user, who is made when there is no data yet.
mkdir -p /run/rabbitmq/conf.d
cp /etc/shop/settings/*.conf /run/rabbitmq/conf.d/
read -r password </etc/shop/secrets/password || [ -n "$password" ]
printf 'default_user = root\ndefault_pass = %s\n' "$password" >/run/rabbitmq/conf.d/root.conf

# A node that cannot look up its own name does not start; its Service learns of the pod at the same time as we do.
for _ in {1..60}; do
	if getent hosts "${RABBITMQ_NODENAME#*@}" >/dev/null; then
		exit 0
	fi
	sleep 1
done
echo "the name ${RABBITMQ_NODENAME#*@} leads nowhere" >&2
exit 1
