# The fence: of all copies of this script that are ever started, one gets past it.
vahana_mask=$(umask)
umask 077
read -r stat < /proc/$$/stat && read -r boot < /proc/sys/kernel/random/boot_id || exit 75
set -- ${stat##*) }
vahana_start=${20}
candidate=$vahana_job/claim.$$.$vahana_start
printf 'name %s\nid %s\nstart %s\nboot %s\nnode %s\n' "$vahana_name" "$$" "$vahana_start" "$boot" "$(uname -n)" > "$candidate" || exit 75
ln -- "$candidate" "$vahana_job/.owner" 2> /dev/null
# Asked of the link and not of ln, whose answer a network file system can lose.
[ "$candidate" -ef "$vahana_job/.owner" ] || exit 0

# The receipt's room is taken now: a disk that fills up must not cost the news of how the job ended.
printf '%-62s\n' pending > "$vahana_job/.exit.next"
finish() {
  if [ -e "$vahana_job/.timeout" ]; then
    set -- "timeout ${1#* }"
    vahana_clock= # it goes on until all of the job is gone
  fi
  printf '%-62s\n' "$1" 1<> "$vahana_job/.exit.next" && mv -f -- "$vahana_job/.exit.next" "$vahana_job/.exit"
  exec 2> /dev/null
  if [ -n "$vahana_clock" ]; then kill -s KILL -- "-$vahana_clock" || kill -s KILL "$vahana_clock"; fi
  exit 0
}
# The clock of a job with a limit stands in a session of its own: it outlives whatever ends this shell.
vahana_clock=
if [ -n "$vahana_limit" ]; then
  setsid sh -c "$vahana_keeper" limit "$vahana_job" "$$" "$vahana_start" "$vahana_limit" "$vahana_grace" < /dev/null > /dev/null 2>&1 &
  vahana_clock=$!
fi
exec < /dev/null > "$vahana_job/stdout" 2> "$vahana_job/stderr"
umask "$vahana_mask"
# A signal for all of the job ends the program; this shell stays to tell of it, and begins no other.
vahana_told=
trap vahana_told=1 TERM INT HUP QUIT
cd -- "$vahana_work" || finish 'exit 1'

# absent PROGRAM: whether there is no such file, looked for as the system would.
absent() {
  case $1 in
    */*) [ ! -e "$1" ]; return ;;
  esac
  rest=$PATH:
  while [ -n "$rest" ]; do
    [ -e "${rest%%:*}/$1" ] && return 1
    rest=${rest#*:}
  done
  return 0
}

# run PROGRAM ARGUMENT…: always a program of that name, never a builtin or function of this shell. The user's variables
# are set by the function `variables`, in a subshell: one of them may have the name of one of ours.
run() {
  [ -z "$vahana_told" ] || finish 'exit 143'
  (trap - TERM INT HUP QUIT; variables; exec "$@")
  code=$?
  if [ "$code" = 127 ] && (variables; absent "$1"); then finish 'missing 127'; fi
  [ "$code" = 0 ] || finish "exit $code"
}

load() {
  if ! command -v module > /dev/null 2>&1; then
    for init in /etc/profile.d/modules.sh /etc/profile.d/lmod.sh /usr/share/modules/init/sh /usr/share/lmod/lmod/init/sh; do
      if [ -r "$init" ]; then . "$init"; break; fi
    done
  fi
  module load "$1" || finish "exit $?"
}
