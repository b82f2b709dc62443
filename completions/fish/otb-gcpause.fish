# SPDX-License-Identifier: Apache-2.0
#
# Completion of otb-gcpause for fish.

function __otb_gcpause_reasons
    set -l before (string match -r '.*,' -- (string replace -r '^--reason=' '' -- (commandline -ct)))
    for reason in gc gc_sweep_termination gc_mark_termination read_mem_stats goroutine_profile \
            goroutine_profile_cleanup all_goroutines_stack_trace all_threads_syscall gomaxprocs start_trace \
            stop_trace write_heap_dump count_pages_in_use page_cache_pages_leaked read_mem_stats_slow \
            read_metrics_slow reset_debug_log other unknown
        echo "$before$reason"
    end
end

complete -c otb-gcpause -f
complete -c otb-gcpause -l all -d 'Every Go program, now or later'
complete -c otb-gcpause -l assists -d 'A record for each assist, too'
complete -c otb-gcpause -l buffer -x -a '256K 1M 4M 16M 64M' -d 'Size of the ring buffer'
complete -c otb-gcpause -s n -l count -x -d 'Stop after so many records'
complete -c otb-gcpause -s d -l duration -x -a '1s 10s 1m 10m 1h' -d 'Stop after a time'
complete -c otb-gcpause -l exe -r -F -d 'Every process that runs this file, now or later'
complete -c otb-gcpause -l histogram -d 'A summary, with a histogram of each reason'
complete -c otb-gcpause -s i -l interval -x -a '1s 10s 1m 10m 1h' -d 'How often sums are written'
complete -c otb-gcpause -s j -l json -d 'JSON Lines'
complete -c otb-gcpause -s l -l label -x -d 'A constant field on every record'
complete -c otb-gcpause -l min-duration -x -a '10us 100us 1ms 10ms 100ms 1s' -d 'Only what took so long'
complete -c otb-gcpause -s o -l output -r -F -d 'Append to a file'
complete -c otb-gcpause -s p -l pid -x -a '(__fish_complete_pids)' -d 'Only this process'
complete -c otb-gcpause -s q -l quiet -d 'Only errors on stderr'
complete -c otb-gcpause -l ready-fd -x -d 'Write a byte there once everything is set up'
complete -c otb-gcpause -l reason -x -a '(__otb_gcpause_reasons)' -d 'Only stops for these reasons'
complete -c otb-gcpause -l stats -d 'A stats record at the end'
complete -c otb-gcpause -l strict -d 'Exit 4 if anything was lost or malformed'
complete -c otb-gcpause -s s -l summary -d 'Sums instead of single events'
complete -c otb-gcpause -s t -l table -d 'A table'
complete -c otb-gcpause -s v -l verbose -d 'More on stderr'
complete -c otb-gcpause -s h -l help -d 'Print help'
complete -c otb-gcpause -l usage -d 'Print a short usage message'
complete -c otb-gcpause -s V -l version -d 'Print the version'
