# Arguments: the pid of a process, folders to remove after it. Standard input is a pipe from the process that started it.
# Its end is our signal; a line means that the process is gone already. While the starter lives it does not reap the
# process before it tells us, so the number cannot have become another's.
pid=$1
shift

trap '' HUP INT
read -r _ && exit

kill -TERM "$pid" 2>/dev/null
tenths=0
while kill -0 "$pid" 2>/dev/null; do
  sleep 0.1
  tenths=$((tenths + 1))
  [ "$tenths" -eq 200 ] && kill -KILL "$pid"
  [ "$tenths" -eq 250 ] && exit 1
done
[ "$#" -eq 0 ] || rm -rf -- "$@"
