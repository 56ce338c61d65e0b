# Volumes that can grow do, while a pod has them; read by check.sh.
# shellcheck shell=bash disable=SC2154 # The rest is in settings.sh and in who reads this.

k apply --filename "$here/check/growing.yaml" >/dev/null
check "a volume of the class growing is mounted for the pod's group" within 60 says "0:2000 drwxrwsr-x" \
	k exec growing -- stat -c '%u:%g %A' /data
size() { k exec growing -- df -m /data | awk -v least="$1" -v most="$2" 'NR == 2 { exit !($2 >= least && $2 <= most) }'; }
check "it has the size that was asked for" size 300 400
k exec growing -- sh -c 'echo kept >/data/file'
check "it cannot get smaller" says "can not be less than" sh -c \
	"! '$here/in.sh' kubectl --namespace $namespace patch pvc growing --patch '{\"spec\": {\"resources\": {\"requests\": {\"storage\": \"300Mi\"}}}}' 2>&1"
k patch pvc growing --patch '{"spec": {"resources": {"requests": {"storage": "1Gi"}}}}' >/dev/null
check "it grows while the pod runs" within 60 size 900 1024
check "and says so" within 30 says 1Gi k get pvc growing --output 'jsonpath={.status.capacity.storage}'
check "what is in it stays" says kept k exec growing -- cat /data/file
check "a second pod of the node gets the same" within 30 says kept k exec growing-too -- cat /data/file
k delete pod growing growing-too --wait >/dev/null
# The claim is there as it has become; only the pods are made anew.
k apply --filename "$here/check/growing.yaml" >/dev/null 2>&1 || true
check "and so do later ones" within 30 says kept k exec growing -- cat /data/file
k delete pod growing growing-too --wait >/dev/null
volume=$(k get pvc growing --output 'jsonpath={.spec.volumeName}')
k delete pvc growing >/dev/null
files() { losetup --list --noheadings --output BACK-FILE | grep "growing/$1" || compgen -G "$state/node-*/growing/$1.img"; }
check "its file goes with it" within 30 not files "$volume"
