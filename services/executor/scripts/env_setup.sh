# env_setup.sh SCRATCH EXPERIMENT PROCESS: makes the directories, and finds out whether jobs could be fenced here.
scratch=$1 base=$1/$2/$3
for program in setsid sha256sum realpath ln mv od tail; do
  command -v "$program" > /dev/null || die "$program: not found" 127
done
mkdir -p -- "$scratch/$2" && mkdir -p -- "$base/inputs" "$base/work" "$base/jobs" || exit 1
[ -O "$base" ] || die "$base belongs to somebody else: Permission denied"
probe=$base/jobs/.probe.$$ # a process's own: two of us may be here
rm -f -- "$probe" "$probe.link"
echo probe > "$probe" && ln -- "$probe" "$probe.link" && [ "$probe" -ef "$probe.link" ] ||
  die "$scratch: its file system has no hard links, by which jobs are kept from running twice"
rm -f -- "$probe" "$probe.link"
