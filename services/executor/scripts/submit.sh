# submit.sh BASE DIRECTORY SHA256 SUFFIX LINGER RERUN_SAFE [EARLIER_DIRECTORY…]: the job's script comes on stdin.
# Level-triggered: it makes of what it finds what there should be, and may be run any number of times, at once even.
# Files have the process's number in their names too: a broken session may still run while another repeats it, and must
# not write into what that one has just published by a link.
cd -- "$1" || exit 1
directory=$2 wanted=$3 suffix=$4.$$ linger=$5 rerun_safe=$6
shift 6

# No job of an earlier attempt may start from here on; one that holds its fence is the job, whatever became of it.
for earlier in "$@"; do
  bar "$earlier" "$suffix" || exit 1
  look "$earlier"
  case $state in
    absent) die "the fence in $earlier cannot be taken" ;;
    tombstone) ;;
    lost) if [ "$rerun_safe" != 1 ]; then tell "$earlier"; exit 0; fi ;;
    *) tell "$earlier"; exit 0 ;;
  esac
done

mkdir -p -- "$directory" || exit 1
if [ ! -e "$directory/.owner" ]; then
  if [ ! -e "$directory/script" ]; then
    cat > "$directory/script.$suffix" && digest "$directory/script.$suffix" || exit 1
    # The connection may have broken halfway through.
    [ "$sum" = "$wanted" ] || { rm -f -- "$directory/script.$suffix"; die "the job's script arrived incomplete" 75; }
    ln -- "$directory/script.$suffix" "$directory/script" 2> /dev/null || [ -e "$directory/script" ] || exit 1
    rm -f -- "$directory/script.$suffix"
  fi
  (
    umask "$mask"
    if [ -n "$language_set" ]; then LC_ALL=$language; else unset LC_ALL; fi
    exec setsid sh "$directory/script"
  ) < /dev/null > /dev/null 2> "$directory/start.$suffix" &
  patience=250
  while [ ! -e "$directory/.owner" ] && [ "$patience" -gt 0 ]; do
    sleep 0.02
    patience=$((patience - 1))
  done
  [ -e "$directory/.owner" ] || { cat -- "$directory/start.$suffix" >&2; die "the job did not start within 5 s" 75; }
fi

look "$directory"
while [ "$state" = running ] && [ "$linger" -gt 0 ]; do
  sleep 0.05
  linger=$((linger - 50))
  look "$directory"
done
tell "$directory"
