# watch.sh GRACE: reads lines "MODE BASE DIRECTORY" and tells of each job, in their order. MODE is look; stop, which ends
# it first; end, which has it end, without waiting for that; or cancel, which does so too and keeps it from beginning.
grace=$1
while IFS= read -r line; do
  mode=${line%% *} base=${line#* }
  directory=${base##* } base=${base% *}
  if cd -- "$base" 2> /dev/null; then
    if [ "$mode" = cancel ]; then bar "$directory" "cancel.$$"; fi
    look "$directory"
    if [ "$mode" = stop ]; then
      end_session
      look "$directory"
    elif [ "$mode" = cancel ] || [ "$mode" = end ]; then
      cancel "$directory" "$grace"
      look "$directory"
    fi
    tell "$directory"
  else
    echo "job absent $directory - 0 - 0 -"
  fi
done
