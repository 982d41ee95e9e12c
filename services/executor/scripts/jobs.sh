# What the files of a FORK job say. look DIRECTORY sets $state and what stands in the fence and the receipt.
here=$(uname -n)
read -r this_boot < /proc/sys/kernel/random/boot_id

look() {
  state=absent name= id=0 start= boot= node= word= code=
  [ -f "$1/.owner" ] || return 0
  while read -r key value; do
    case $key in
      name) case $value in *[!A-Za-z0-9._-]*) ;; *) name=$value ;; esac ;;
      id) case $value in '' | 0* | 1 | *[!0-9]* | ????????????????*) ;; *) id=$value ;; esac ;;
      start) start=$value ;; boot) boot=$value ;; node) node=$value ;;
    esac
  done < "$1/.owner"
  if [ "$name" = tombstone ]; then state=tombstone
  elif [ -e "$1/.cancel" ]; then
    # It was told to end. Whatever it says, it has ended when all of it is gone; what ended well won the race.
    if alive; then state=running
    elif receipt "$1" && [ "$word $code" = "exit 0" ]; then state=ended
    else state=canceled
    fi
  elif receipt "$1"; then
    # Of a job that was ended at its limit, what did not heed that is still to be killed.
    if [ "$word" = timeout ] && [ "$node" = "$here" ] && alive; then state=running; else state=ended; fi
  elif alive; then state=running
  elif receipt "$1"; then state=ended # it ended between the two looks
  elif [ -e "$1/.timeout" ]; then state=ended word=timeout code=137
  else state=lost
  fi
}

# A receipt that is no receipt, as whatever runs in this account may leave one, counts as none.
receipt() {
  [ -f "$1/.exit" ] && read -r word code rest < "$1/.exit" || return 1
  case $word in exit | missing | timeout) ;; *) return 1 ;; esac
  case $code in [0-9] | [0-9][0-9] | [12][0-9][0-9]) ;; *) return 1 ;; esac
}

# Alive is the process of that number that began at that moment, or else any of its session: its shell may have been
# killed and the program not, and nothing is lost before all of it is gone. Of another node's processes nothing is known
# here.
alive() {
  [ -n "$boot" ] && [ "$id" != 0 ] || return 1 # a crash of the host may lose what was written last: an empty fence
  [ "$node" = "$here" ] || return 0
  [ "$this_boot" = "$boot" ] || return 1
  if { read -r stat < "/proc/$id/stat"; } 2> /dev/null; then
    set -- ${stat##*) }
    [ "${20}" = "$start" ] || return 1 # no process gets a number that a session still has
    case $1 in Z | X) ;; *) return 0 ;; esac
  fi
  session_alive
}

# bar DIRECTORY SUFFIX: takes the fence, if it is free, so that no job ever begins there.
bar() {
  [ -e "$1/.owner" ] && return 0
  mkdir -p -- "$1" && printf 'name tombstone\n' > "$1/claim.$2" || return 1
  ln -- "$1/claim.$2" "$1/.owner" 2> /dev/null
  rm -f -- "$1/claim.$2"
}

# cancel DIRECTORY GRACE: one step towards the end of the job looked at: it is told to end, and killed where it is still
# there GRACE hundredths of a second later. The file is there before the signal: it says why the job ended.
cancel() {
  [ "$state" = running ] && [ "$node" = "$here" ] || return 0
  uptime
  if [ ! -e "$1/.cancel" ]; then
    # Without room for a file a link may be had: it tells no time, and the job is killed by the next step.
    { printf '%s\n' "$up" > "$1/.cancel"; } 2> /dev/null || ln -- "$1/.owner" "$1/.cancel" 2> /dev/null
    if [ -e "$1/.cancel" ]; then signal TERM; else signal KILL; fi
    return 0
  fi
  since=
  if [ -f "$1/.cancel" ]; then read -r since < "$1/.cancel"; fi
  # Whatever stands there: a number that the shell cannot count with would end this look at all jobs.
  case $since in '' | *[!0-9]* | 0?* | ????????????????*) since=0 ;; esac
  if [ "$since" -gt "$up" ] || [ $((up - since)) -ge "$2" ]; then signal KILL; fi
}

# end_session: ends the job looked at, which runs here; politely first.
end_session() {
  [ "$state" = running ] && [ "$node" = "$here" ] || return 0
  signal TERM
  patience=20
  while [ "$patience" -gt 0 ] && alive; do
    sleep 0.1
    patience=$((patience - 1))
  done
  signal KILL
  patience=20
  while [ "$patience" -gt 0 ] && alive; do
    sleep 0.05
    patience=$((patience - 1))
  done
}

# tell DIRECTORY: one line about the job looked at; the end of its stderr in hexadecimal where it ended badly.
tell() {
  said=
  if [ "$state" = running ] && [ "$node" != "$here" ]; then
    said=$(printf '%s' "$node" | od -An -v -tx1 | tr -d ' \n')
  elif [ "$state" = ended ] && [ "$word $code" != "exit 0" ] && [ -f "$1/stderr" ] && [ -r "$1/stderr" ]; then
    said=$(tail -c 2048 -- "$1/stderr" | od -An -v -tx1 | tr -d ' \n')
  fi
  printf 'job %s %s %s %s %s %s %s\n' "$state" "$1" "${name:--}" "$id" "${word:--}" "${code:-0}" "${said:--}"
}
