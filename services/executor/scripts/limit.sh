# limit.sh JOB ID START LIMIT GRACE: ends the session ID of a job, whose first process began at START, when it has run for
# LIMIT; politely first, and after GRACE no more. Times are hundredths of a second. It runs in a session of its own,
# beside the job, so that the limit holds whoever watches the job, or nobody; and it ends with the job.
job=$1 id=$2 start=$3 limit=$4 grace=$5

# ended: what a job that has ended in time leaves behind is not looked at.
ended() {
  [ -e "$job/.exit" ] || gone
}

gone() {
  if { read -r stat < "/proc/$id/stat"; } 2> /dev/null; then
    set -- ${stat##*) }
    [ "${20}" = "$start" ] || return 0
    case $1 in Z | X) ;; *) return 1 ;; esac
  fi
  ! session_alive
}

# wait_for TIME LONGEST_NAP END: ends everything here where END comes true before.
wait_for() {
  uptime
  until=$((up + $1))
  while [ "$up" -lt "$until" ]; do
    "$3" && exit 0
    nap=$((until - up))
    if [ "$nap" -gt "$2" ]; then nap=$2; fi
    sleep "$((nap / 100)).$((nap % 100 / 10))$((nap % 10))"
    uptime
  done
  "$3" && exit 0
}

wait_for "$limit" 500 ended
# Whatever becomes of its receipt, this file says why the job ended. Where there is no room for it a link may be had; and
# the job is ended in any case. In a subshell: where a redirection of `:` fails, the shell ends.
( : > "$job/.timeout" ) 2> /dev/null || ln -- "$job/.owner" "$job/.timeout" 2> /dev/null
signal TERM
wait_for "$grace" 10 gone
until gone; do
  signal KILL
  sleep 1
done
