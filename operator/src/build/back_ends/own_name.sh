# Waits until a name, the pod's own, leads to this pod; who looks it up before may be sent to where the pod was last. DNS servers
# answer in turn and each remembers for seconds what it said, so it has to be right so many times one after the other.
await_own_name() { # NAME TIMES
	local right=0 end=$((SECONDS + 120))
	while [ "$SECONDS" -lt "$end" ]; do
		if getent ahosts "$1" | grep -q "^$POD_IP "; then
			right=$((right + 1))
			if [ "$right" -ge "$2" ]; then
				return
			fi
		else
			right=0
		fi
		sleep 1
	done
}

