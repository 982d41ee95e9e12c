# check_manager.sh MANAGER: says "version …" and, where the job manager was asked for its queues, "queues" and then
# "queue …" for each of them. Nothing is asked for longer than 5 s.
patient() {
  command -v "$1" > /dev/null || die "$1: not found" 127
  if command -v timeout > /dev/null; then timeout 5 "$@"; else "$@"; fi
}

# version PROGRAM [ARGUMENT…]: the first line it says of itself.
version() {
  said=$(patient "$@" 2>&1) || die "$1: ${said:-it did not answer}"
  printf 'version %s\n' "${said%%
*}"
}

case $1 in
  SLURM)
    version sinfo --version
    queues=$(patient sinfo -h -o %R) || exit 0
    echo queues
    printf '%s\n' "$queues" | sort -u | sed -n 's/^\(..*\)$/queue \1/p'
    ;;
  PBS) version qstat --version ;;
  LSF) version lsid ;;
  *)
    for program in setsid sha256sum realpath ln mv od tail; do
      command -v "$program" > /dev/null || die "$program: not found" 127
    done
    printf 'version fork on %s\n' "$(uname -sr)"
    ;;
esac
