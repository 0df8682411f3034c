# Arguments: the pid of a process that leads a group, folders to remove after it. Standard input is a pipe from the process
# that started it. Its end is our signal; a line means that the process is gone already. While the starter lives it does
# not reap the process before it tells us, so the number cannot have become another's. Signals go to the whole group: some
# programs are started by a shell script that waits for them and passes nothing on.
group=-$1
shift

trap '' HUP INT
read -r _ && exit

kill -s TERM -- "$group" 2>/dev/null
tenths=0
while kill -s 0 -- "$group" 2>/dev/null; do
  sleep 0.1
  tenths=$((tenths + 1))
  [ "$tenths" -eq 200 ] && kill -s KILL -- "$group"
  [ "$tenths" -eq 250 ] && exit 1
done
[ "$#" -eq 0 ] || rm -rf -- "$@"
