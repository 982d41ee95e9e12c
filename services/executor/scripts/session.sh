# The processes of a job are those of the session $id, which its first process leads: programs open process groups of
# their own in it, as timeout(1) and shells with job control do. Linux gives the number to nobody else while any lives.

# member PROCESS: whether what stands in /proc/N lives in the session; sets $group.
member() {
  { read -r stat < "$1/stat"; } 2> /dev/null || return 1
  set -- ${stat##*) }
  group=$3
  [ "$4" = "$id" ] && [ "$group" -gt 1 ] || return 1
  case $1 in Z | X) return 1 ;; esac
}

# session_alive: whether anything of the session lives.
session_alive() {
  for process in /proc/[0-9]*; do
    member "$process" && return 0
  done
  return 1
}

# signal NAME: sends it to every process group of the session, once. Those that begin meanwhile may be missed.
signal() {
  signaled=' '
  for process in /proc/[0-9]*; do
    member "$process" || continue
    case $signaled in *" $group "*) continue ;; esac
    signaled="$signaled$group "
    kill -s "$1" -- "-$group" 2> /dev/null
  done
}

# uptime: sets $up to the hundredths of a second since the host was started.
uptime() {
  read -r up rest < /proc/uptime
  up=$((${up%.*} * 100 + 1${up#*.} - 100)) # of 08 no arithmetic makes a number
}
