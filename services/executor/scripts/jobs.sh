# What the files of a FORK job say. look DIRECTORY sets $state and what stands in the fence and the receipt.
here=$(uname -n)
read -r this_boot < /proc/sys/kernel/random/boot_id

look() {
  state=absent name= id=0 start= boot= node= word= code=
  [ -e "$1/.owner" ] || return 0
  while read -r key value; do
    case $key in
      name) case $value in *[!A-Za-z0-9._-]*) ;; *) name=$value ;; esac ;;
      id) case $value in '' | *[!0-9]*) ;; *) id=$value ;; esac ;;
      start) start=$value ;; boot) boot=$value ;; node) node=$value ;;
    esac
  done < "$1/.owner"
  if [ "$name" = tombstone ]; then state=tombstone
  elif receipt "$1"; then state=ended
  elif alive; then state=running
  elif receipt "$1"; then state=ended # it ended between the two looks
  else state=lost
  fi
}

# A receipt that is no receipt, as whatever runs in this account may leave one, counts as none.
receipt() {
  [ -e "$1/.exit" ] && read -r word code rest < "$1/.exit" || return 1
  case $word in exit | missing) ;; *) return 1 ;; esac
  case $code in [0-9] | [0-9][0-9] | [12][0-9][0-9]) ;; *) return 1 ;; esac
}

# Alive is the process of that number that began at that moment, or else any of its group: its shell may have been killed
# and the program not, and nothing is lost before all of it is gone. Of another node's processes nothing is known here.
alive() {
  [ -n "$boot" ] || return 1 # a crash of the host may lose what was written last, and leave the fence empty
  [ "$node" = "$here" ] || return 0
  [ "$this_boot" = "$boot" ] || return 1
  if { read -r stat < "/proc/$id/stat"; } 2> /dev/null; then
    set -- ${stat##*) }
    [ "${20}" = "$start" ] || return 1 # no process gets a number that a group still has
    case $1 in Z | X) ;; *) return 0 ;; esac
  fi
  group_alive
}

group_alive() {
  for process in /proc/[0-9]*; do
    { read -r stat < "$process/stat"; } 2> /dev/null || continue
    set -- ${stat##*) }
    [ "$3" = "$id" ] || continue
    case $1 in Z | X) ;; *) return 0 ;; esac
  done
  return 1
}

# end_group: ends the process group of the job looked at, which runs here; politely first.
end_group() {
  [ "$state" = running ] && [ "$node" = "$here" ] || return 0
  kill -s TERM -- "-$id" 2> /dev/null
  patience=20
  while [ "$patience" -gt 0 ] && alive; do
    sleep 0.1
    patience=$((patience - 1))
  done
  kill -s KILL -- "-$id" 2> /dev/null
  patience=20
  while [ "$patience" -gt 0 ] && alive; do
    sleep 0.05
    patience=$((patience - 1))
  done
}

# tell DIRECTORY: one line about the job looked at; the end of its stderr in hexadecimal where it ended badly.
tell() {
  said=
  if [ "$state" = ended ] && [ "$word $code" != "exit 0" ] && [ -r "$1/stderr" ]; then
    said=$(tail -c 2048 -- "$1/stderr" | od -An -v -tx1 | tr -d ' \n')
  fi
  printf 'job %s %s %s %s %s %s %s\n' "$state" "$1" "${name:--}" "$id" "${word:--}" "${code:-0}" "${said:--}"
}
