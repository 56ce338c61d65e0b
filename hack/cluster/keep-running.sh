# Read by the first process of a control plane or node.
# shellcheck shell=bash

# keep_running NAME COMMAND…: runs a server with its log in logs/NAME.log, and starts it again when it ends, as an init does.
keep_running() {
	local name=$1
	shift
	while :; do
		status=0
		"$@" >>"logs/$name.log" 2>&1 </dev/null || status=$?
		echo "$name ended with status $status and is started again" >>"logs/$name.log"
		sleep 1
	done &
}
