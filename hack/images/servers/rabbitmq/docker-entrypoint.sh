#!/bin/bash
# Becomes the command, as the user rabbitmq if it is the server.
set -euo pipefail

if [ "$(id -u)" = 0 ] && [ "${1:-}" = rabbitmq-server ]; then
	chown -R rabbitmq:rabbitmq /var/lib/rabbitmq
	exec setpriv --reuid rabbitmq --regid rabbitmq --init-groups "$@"
fi
exec "$@"
