# stage_in.sh BASE TARGET SHA256 SUFFIX: takes the bytes on stdin, once it has said that it needs them.
# Says "have", or "need" and then "stored", "differs" (other bytes came) or "conflict" (another file is there already).
cd -- "$1" || exit 1
target=$2 wanted=$3 part=$2.part.$4

# there: whether the target is there already; where it is, with the bytes wanted or not, there is nothing left to do.
there() {
  [ -e "$target" ] || return 1
  digest "$target" || exit 1
  if [ "$sum" = "$wanted" ]; then echo "$1"; else echo conflict; fi
  return 0
}

there have && exit 0
mkdir -p -- "${target%/*}" || exit 1
echo need
# Of a broken session's part a link may have been published: its bytes must not be written over.
rm -f -- "$part"
cat > "$part" || { rm -f -- "$part"; exit 1; }
digest "$part" || exit 1
if [ "$sum" != "$wanted" ]; then
  rm -f -- "$part"
  echo differs
  exit 0
fi
# A link never replaces: two of us may arrive here, and what one has published stays as it is.
if ln -- "$part" "$target" 2> "$part.said"; then
  echo stored
elif ! there stored; then
  cat -- "$part.said" >&2
  rm -f -- "$part" "$part.said"
  exit 1
fi
rm -f -- "$part" "$part.said"
