# Runs before every script. Whatever a login's rc files print stands before the marker and is cut off by the caller.
printf '\n%s\n' "$0"
printf '\n%s\n' "$0" >&2
mask=$(umask)
umask 077
language_set=${LC_ALL+x} language=${LC_ALL-}
export LC_ALL=C # messages are classed by their English words

die() {
  printf '%s\n' "$1" >&2
  exit "${2:-1}"
}

# digest FILE: sets $sum. The name stays off the command line of sha256sum, which would escape it in its output.
digest() {
  sum=$(sha256sum < "$1") || return 1
  sum=${sum%% *}
}
