# check_scratch.sh SCRATCH: writes there as jobs would, and says "free BYTES"; nothing of it stays, however this ends.
scratch=$1 probe=$1/.vahana-probe.$$ top=

# make DIRECTORY: makes it with what is missing above it; $top is the highest of what was made here.
make() {
  if [ -z "$1" ] || [ -d "$1" ]; then return 0; fi
  case $1 in */*) make "${1%/*}" || return 1 ;; esac
  if mkdir -- "$1"; then top=${top:-$1}; else [ -d "$1" ]; fi
}

tidy() {
  rm -f -- "$probe" "$probe.link"
  [ -n "$top" ] || return 0
  while [ "$scratch" != "$top" ]; do
    rmdir -- "$scratch"
    scratch=${scratch%/*}
  done
  rmdir -- "$top"
} 2> /dev/null # what another uses by now is not empty, and stays

trap tidy EXIT
trap 'exit 1' HUP INT TERM
make "$scratch" || exit 1
{ echo probe > "$probe"; } || exit 1
ln -- "$probe" "$probe.link" && [ "$probe" -ef "$probe.link" ] ||
  die "$scratch: its file system has no hard links, by which jobs are kept from running twice"
free=$(stat -f -c '%a %S' -- "$scratch")
set -- $free
[ $# = 2 ] && printf 'free %s\n' "$(($1 * $2))"
exit 0
