# Runs one server of the tests, in the folder $1, for the process that holds the other end of this one's standard input: one
# order a line, one line of answer to each. When that process ends, however it does, its end of the pipe closes: then
# everything that runs here is killed and the folder is removed (unless there is a file `keep` in it).
folder=$1
pid=
# Locked as long as this runs, so that others see what nobody supervises any more.
exec 9>"$2"
flock 9

# The process and all below it, halted from the top down, so that none forks while they are listed. A process group would not
# do: PostgreSQL gives each of its processes one of its own.
halt() {
	kill -STOP "$1" 2>/dev/null || return 0
	echo "$1"
	for child in $(cat /proc/"$1"/task/*/children 2>/dev/null); do
		halt "$child"
	done
}

tree() {
	echo "$1"
	for child in $(cat /proc/"$1"/task/*/children 2>/dev/null); do
		tree "$child"
	done
}

# Not one that ended but was not yet waited for. A first thread may have ended before the others, which still hold the ports.
alive() {
	read -r state 2>/dev/null <"/proc/$1/stat" || return 1
	case ${state##*) } in
	Z* | X*)
		set -- /proc/"$1"/task/*
		[ $# -gt 1 ]
		;;
	esac
}

destroy() {
	[ -n "$pid" ] || return 0
	all=$(halt "$pid")
	# shellcheck disable=SC2086
	kill -KILL $all 2>/dev/null
	# What lost its parent before it was listed.
	kill -KILL -- "-$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	for each in $all; do
		while alive "$each"; do sleep 0.01; done
	done
	pid=
}

while read -r order argument; do
	case $order in
	start)
		if [ -n "$pid" ] && alive "$pid"; then
			echo running
		else
			setsid sh "$folder/start.sh" </dev/null >>"$folder/log" 2>&1 9>&- &
			pid=$!
			echo "$pid"
		fi
		;;
	adopt)
		pid=$argument
		echo adopted
		;;
	release)
		pid=
		echo released
		;;
	signal-all)
		# shellcheck disable=SC2046
		kill "-$argument" $(tree "$pid") 2>/dev/null
		echo sent
		;;
	signal)
		kill "-$argument" "$pid" 2>/dev/null && echo sent || echo gone
		;;
	state)
		if [ -n "$pid" ] && alive "$pid"; then
			echo running
		elif [ -n "$pid" ]; then
			wait "$pid"
			echo "ended with $?"
			pid=
		else
			echo ended
		fi
		;;
	pause)
		halt "$pid" >/dev/null
		echo paused
		;;
	resume)
		# shellcheck disable=SC2046
		kill -CONT $(tree "$pid") 2>/dev/null
		echo resumed
		;;
	kill)
		destroy
		echo killed
		;;
	esac
done

destroy
# A disk of its own, in memory. What is kept is kept on a real one, without what filled it up.
disk=$folder/disk
if mountpoint -q "$disk"; then
	if [ -e "$folder/keep" ]; then
		rm -f "$disk/ballast"
		cp -a "$disk" "$folder/kept"
	fi
	umount -l "$disk"
	if [ -e "$folder/kept" ]; then
		rmdir "$disk"
		mv "$folder/kept" "$disk"
	fi
fi
if [ ! -e "$folder/keep" ]; then
	# What was just killed may still be writing its last file.
	for _ in 1 2 3 4 5; do
		rm -rf "$folder" && break
		sleep 0.2
	done
fi
