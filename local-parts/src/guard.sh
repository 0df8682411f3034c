# Arguments: the server's pid, an argument of its command line, the name of the signal that stops it, folders to remove.
# Standard input is a pipe from the process we guard for; its end is our signal. A line means: relieved.
pid=$1 mark=$2 signal=$3
shift 3

# A number alone proves nothing: the server may be gone and its number given away. A zombie has no arguments.
running() {
  if [ -d /proc/self ]; then
    tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | grep -qxF -- "$mark"
  else
    ps -o args= -p "$pid" | grep -qF -- "$mark"
  fi
}

trap '' HUP INT
read -r _ && exit

running && kill -s "$signal" "$pid"
tenths=0
while running; do
  sleep 0.1
  tenths=$((tenths + 1))
  [ "$tenths" -eq 200 ] && kill -s KILL "$pid"
  [ "$tenths" -eq 300 ] && exit 1
done
[ "$#" -eq 0 ] || rm -rf -- "$@"
