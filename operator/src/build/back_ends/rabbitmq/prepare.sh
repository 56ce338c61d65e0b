# Runs before the server whenever a member's pod starts.
set -euo pipefail

# Erlang wants the nodes' cookie to be its own and to be read by nobody else.
install -m 0400 /etc/shop/secrets/erlang-cookie /run/rabbitmq/.erlang.cookie

# The settings, how much memory the pod may use, and the root user, who is made when there is no data yet.
mkdir -p /run/rabbitmq/conf.d
cp /etc/shop/settings/*.conf /run/rabbitmq/conf.d/
read -r password </etc/shop/secrets/password || [ -n "$password" ]
printf 'total_memory_available_override_value = %s\n' "$MEMORY_LIMIT" >/run/rabbitmq/conf.d/memory.conf
printf 'default_user = root\ndefault_pass = %s\n' "$password" >/run/rabbitmq/conf.d/root.conf

# A node that cannot look up its own name does not start; its Service learns of the pod at the same time as we do.
host=${RABBITMQ_NODENAME#*@}
await_own_name "$host" 1

# A node that never ran joins the others. It waits for the first one: two new ones that find each other while the first one is
# away would be a cluster of their own, beside the data.
data=/var/lib/rabbitmq/mnesia/$RABBITMQ_NODENAME/msg_stores
if [ "${POD_NAME##*-}" != 0 ] && [ ! -e "$data" ]; then
	first=${POD_NAME%-*}-0.${host#*.}
	until (exec 3<>"/dev/tcp/$first/25672") 2>/dev/null; do
		sleep 1
	done
fi
