# watch.sh: reads lines "look BASE DIRECTORY" or "stop BASE DIRECTORY" and tells of each job, in their order.
while IFS= read -r line; do
  mode=${line%% *} base=${line#* }
  directory=${base##* } base=${base% *}
  if cd -- "$base" 2> /dev/null; then
    look "$directory"
    if [ "$mode" = stop ]; then
      end_group
      look "$directory"
    fi
    tell "$directory"
  else
    echo "job absent $directory - 0 - 0 -"
  fi
done
