# stage_out.sh BASE PATH: says "missing", "outside" or "special", or "file SIZE SHA256" and then the bytes of the file.
cd -P -- "$1" || exit 1
[ -e "$2" ] || { echo missing; exit 0; }
# The letter keeps newlines at the end of a name, which $() would cut off.
top=$(pwd -P; echo x) real=$(realpath -e -- "$2" && echo x) || exit 1
top=${top%?x} real=${real%?x}
case $real in
  "$top"/*) ;;
  *) echo outside; exit 0 ;;
esac
[ -f "$real" ] || { echo special; exit 0; }
size=$(wc -c < "$real") && digest "$real" || exit 1
echo "file $((size)) $sum"
exec cat < "$real"
