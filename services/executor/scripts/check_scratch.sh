# check_scratch.sh SCRATCH: writes there as jobs would, and says "free BYTES"; nothing of it stays.
made=
if [ ! -d "$1" ]; then mkdir -p -- "$1" && made=1 || exit 1; fi
cd -- "$1" || exit 1
probe=.vahana-probe.$$
tidy() {
  rm -f -- "$probe" "$probe.link"
  if [ -n "$made" ]; then cd / && rmdir -- "$scratch"; fi
}
scratch=$1
{ echo probe > "$probe"; } || { tidy; exit 1; }
ln -- "$probe" "$probe.link" && [ "$probe" -ef "$probe.link" ] || {
  tidy
  die "$scratch: its file system has no hard links, by which jobs are kept from running twice"
}
free=$(stat -f -c '%a %S' .)
tidy
set -- $free
[ $# = 2 ] && printf 'free %s\n' "$(($1 * $2))"
exit 0
