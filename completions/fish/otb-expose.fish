# SPDX-License-Identifier: Apache-2.0
#
# Completion of otb-expose for fish.

complete -c otb-expose -f
complete -c otb-expose -s n -l count -x -d 'Stop after so many records'
complete -c otb-expose -s d -l duration -x -a '10s 1m 10m 1h' -d 'Stop after a time'
complete -c otb-expose -s i -l interval -x -a '5s 15s 30s 1m' -d 'How often the page is written'
complete -c otb-expose -s l -l label -x -d 'A constant label on every metric'
complete -c otb-expose -l once -d 'One page at the end of input'
complete -c otb-expose -s o -l output -r -F -d 'Append to a file'
complete -c otb-expose -s q -l quiet -d 'Only errors on stderr'
complete -c otb-expose -l ready-fd -x -d 'Write a byte there once everything is set up'
complete -c otb-expose -l stats -d 'A stats record at the end'
complete -c otb-expose -l strict -d 'Exit 4 if anything was lost or malformed'
complete -c otb-expose -l textfile -r -F -d 'Write the page to a file, for node_exporter'
complete -c otb-expose -s v -l verbose -d 'More on stderr'
complete -c otb-expose -s h -l help -d 'Print help'
complete -c otb-expose -l usage -d 'Print a short usage message'
complete -c otb-expose -s V -l version -d 'Print the version'
