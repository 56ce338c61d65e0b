# What pods use is measured, and more pods come with more load; read by check.sh.
# shellcheck shell=bash disable=SC2154 # The rest is in settings.sh and in who reads this.

check "what pods use is known" within 30 says server k top pods
check "what nodes use is known" says node-1 k top nodes
k autoscale deployment server --cpu=50% --min=1 --max=3 >/dev/null
replicas() { test "$(k get deployment server --output 'jsonpath={.status.readyReplicas}')" "$@"; }
k exec deploy/server -- timeout 40 sh -c 'while :; do :; done' >/dev/null 2>&1 &
check "more pods come with more load" within 60 replicas -gt 1
wait
check "and go with it" within 90 replicas -eq 1
k delete horizontalpodautoscaler --all >/dev/null
