# end_script.sh: ends the process group of the script whose marker comes on stdin: of what was cut off it is $0. Only on
# stdin, lest what looks for it be found.
for file in $(grep -l -z -x -F -f - /proc/[0-9]*/cmdline 2> /dev/null); do
  { read -r stat < "${file%/cmdline}/stat"; } 2> /dev/null || continue
  set -- ${stat##*) }
  [ "$3" -gt 1 ] && kill -s KILL -- "-$3"
done
exit 0
