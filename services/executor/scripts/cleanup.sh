# cleanup.sh SCRATCH EXPERIMENT PROCESS SUFFIX: renames the process's directory into the trash, then empties that.
cd -P -- "$1" || { [ -e "$1" ] || exit 0; exit 1; }
[ -n "$2" ] && [ -n "$3" ] && [ -n "$4" ] || die "cleanup without ids"
mkdir -p -- .trash || exit 1
if [ -e "$2/$3" ]; then
  mv -- "$2/$3" ".trash/$3.$4" || exit 1
fi
# What an earlier try left half removed goes with it.
if ! rm -rf -- ".trash/$3."* 2> /dev/null; then
  # Some programs leave directories that nobody may write to.
  find ".trash/$3."* -type d ! -perm -700 -exec chmod u+rwx {} \;
  rm -rf -- ".trash/$3."* || exit 1
fi
rmdir -- "$2" .trash 2> /dev/null # only where they are empty
exit 0
