# limit.sh JOB ID START LIMIT GRACE: ends the process group ID of a job, whose first process began at START, when it has
# run for LIMIT; politely first, and after GRACE no more. Times are hundredths of a second. It runs in a session of its
# own, beside the job, so that the limit holds whoever watches the job, or nobody; and it ends with the job.
job=$1 id=$2 start=$3 limit=$4 grace=$5

now() {
  read -r up rest < /proc/uptime
  up=${up%.*}${up#*.}
}

gone() {
  [ -e "$job/.exit" ] && return 0
  if { read -r stat < "/proc/$id/stat"; } 2> /dev/null; then
    set -- ${stat##*) }
    [ "${20}" = "$start" ] || return 0
    case $1 in Z | X) ;; *) return 1 ;; esac
  fi
  for process in /proc/[0-9]*; do
    { read -r stat < "$process/stat"; } 2> /dev/null || continue
    set -- ${stat##*) }
    [ "$3" = "$id" ] || continue
    case $1 in Z | X) ;; *) return 1 ;; esac
  done
}

# wait_for TIME LONGEST_NAP: ends everything here where the job ends before.
wait_for() {
  now
  until=$((up + $1))
  while [ "$up" -lt "$until" ]; do
    gone && exit 0
    nap=$((until - up))
    if [ "$nap" -gt "$2" ]; then nap=$2; fi
    sleep "$((nap / 100)).$((nap % 100 / 10))$((nap % 10))"
    now
  done
  gone && exit 0
}

wait_for "$limit" 500
# Whatever becomes of its receipt, this file says why the job ended.
: > "$job/.timeout"
kill -s TERM -- "-$id"
wait_for "$grace" 10
kill -s KILL -- "-$id"
