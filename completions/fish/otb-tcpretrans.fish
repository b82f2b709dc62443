# SPDX-License-Identifier: Apache-2.0
#
# Completion of otb-tcpretrans for fish.

function __otb_tcpretrans_netns
    for file in /run/netns/*
        echo $file\tname
    end
    __fish_complete_path (commandline -ct) namespace
end

function __otb_tcpretrans_reasons
    set -l before (string match -r '.*,' -- (string replace -r '^--reason=' '' -- (commandline -ct)))
    for reason in syn rto loss_recovery fast tlp other
        echo "$before$reason"
    end
end

function __otb_tcpretrans_comms
    cat /proc/*/comm 2>/dev/null | sort -u
end

function __otb_tcpretrans_cgroups
    set -l current (string replace -r '^--cgroup=' '' -- (commandline -ct))
    test -n "$current"; or set current /sys/fs/cgroup/
    __fish_complete_directories $current cgroup
end

complete -c otb-tcpretrans -f
complete -c otb-tcpretrans -s 4 -l ipv4 -d 'Only IPv4, v4-mapped IPv6 included'
complete -c otb-tcpretrans -s 6 -l ipv6 -d 'Only IPv6'
complete -c otb-tcpretrans -l buffer -x -a '256K 1M 4M 16M 64M' -d 'Size of the ring buffer'
complete -c otb-tcpretrans -l by -x -a 'flow peer process cgroup reason' -d 'With --summary: add up by'
complete -c otb-tcpretrans -l cgroup -x -a '(__otb_tcpretrans_cgroups)' -d 'Only sockets made in this cgroup'
complete -c otb-tcpretrans -l comm -x -a '(__otb_tcpretrans_comms)' -d 'Only processes of this name'
complete -c otb-tcpretrans -s n -l count -x -d 'Stop after so many records'
complete -c otb-tcpretrans -s d -l duration -x -a '1s 10s 1m 10m 1h' -d 'Stop after a time'
complete -c otb-tcpretrans -s i -l interval -x -a '1s 10s 1m 10m 1h' -d 'How often sums are written'
complete -c otb-tcpretrans -s j -l json -d 'JSON Lines'
complete -c otb-tcpretrans -s l -l label -x -d 'A constant field on every record'
complete -c otb-tcpretrans -l local-port -x -d 'Only this local port'
complete -c otb-tcpretrans -l max-rate -x -d 'At most so many events a second'
complete -c otb-tcpretrans -l netns -x -a '(__otb_tcpretrans_netns)' -d 'Only this network namespace'
complete -c otb-tcpretrans -s o -l output -r -F -d 'Append to a file'
complete -c otb-tcpretrans -l peer -x -d 'Only peers in this network'
complete -c otb-tcpretrans -l peer-port -x -d 'Only this port of the peer'
complete -c otb-tcpretrans -s p -l pid -x -a '(__fish_complete_pids)' -d 'Only this process'
complete -c otb-tcpretrans -l port -x -d 'Only this port, on either side'
complete -c otb-tcpretrans -s q -l quiet -d 'Only errors on stderr'
complete -c otb-tcpretrans -l ready-fd -x -d 'Write a byte there once everything is set up'
complete -c otb-tcpretrans -l reason -x -a '(__otb_tcpretrans_reasons)' -d 'Only these reasons'
complete -c otb-tcpretrans -l stats -d 'A stats record at the end'
complete -c otb-tcpretrans -l strict -d 'Exit 4 if anything was lost or malformed'
complete -c otb-tcpretrans -s s -l summary -d 'Sums instead of single events'
complete -c otb-tcpretrans -s t -l table -d 'A table'
complete -c otb-tcpretrans -s v -l verbose -d 'More on stderr'
complete -c otb-tcpretrans -s h -l help -d 'Print help'
complete -c otb-tcpretrans -l usage -d 'Print a short usage message'
complete -c otb-tcpretrans -s V -l version -d 'Print the version'
