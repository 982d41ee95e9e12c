# serve.sh: runs one script after another, so that what a login costs is paid once. On stdin come a token and, for each
# script, a line "TOKEN LENGTH INPUT MARKER", LENGTH bytes of command line and INPUT bytes for the script's own stdin
# ("rest": all that still comes). "MARKER CODE" on stdout and "MARKER end" on stderr tell of its end.
# Anything without the token ends this, lest input that a script left unread be taken for a command; so does a failure.
run() {
  (eval "exec ${line%x}")
  code=$?
  printf '%s %s\n' "$marker" "$code"
  printf '%s end\n' "$marker" >&2
  return "$code"
}
IFS= read -r token || exit 1
while read -r given length input marker && [ "$given" = "$token" ]; do
  line=$(head -c "$length" && echo x) || exit 1
  case $input in
    rest) run; exit 0 ;;
    0) run < /dev/null ;;
    *) head -c "$input" | { run; cat > /dev/null; exit "$code"; } ;;
  esac || exit 0
done
