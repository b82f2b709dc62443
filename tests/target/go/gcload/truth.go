// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
)

// A truth is what the runtime counted, and what the program knows of its own calls.
type truth struct {
	GoVersion    string `json:"go_version"`
	Pid          int    `json:"pid"`
	NumGC        uint32 `json:"num_gc"`
	NumForcedGC  uint32 `json:"num_forced_gc"`
	PauseTotalNs uint64 `json:"pause_total_ns"`
	// The newest cycles' pauses, at most 256, the oldest first; FirstCycle is that one's number.
	FirstCycle uint32   `json:"first_cycle"`
	PauseNs    []uint64 `json:"pause_ns"`
	// Stops by the name that a record has for the reason, without those of collections.
	Stops map[string]int `json:"stops"`
	// How often the world was stopped for collections. A cycle has two stops, and one more for each time that it turned
	// out to be unfinished (golang.org/issue/27993).
	GCStops  uint64                 `json:"gc_stops"`
	Restarts uint64                 `json:"restarts"`
	Metrics  map[string]interface{} `json:"metrics"`
}

// A histogram is a metric's: how many samples, and the bounds of their sum.
type histogram struct {
	Count uint64  `json:"count"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

func histogramOf(h *metrics.Float64Histogram) histogram {
	var sum histogram
	for i, n := range h.Counts {
		if n == 0 {
			continue
		}
		sum.Count += n
		sum.Low += float64(n) * math.Max(h.Buckets[i], 0)
		// JSON knows no infinity.
		sum.High += float64(n) * math.Min(h.Buckets[i+1], 1e9)
	}
	return sum
}

func readMetrics() map[string]interface{} {
	var samples []metrics.Sample
	for _, d := range metrics.All() {
		for _, prefix := range []string{"/gc/", "/sched/", "/cpu/classes/gc/"} {
			if strings.HasPrefix(d.Name, prefix) {
				samples = append(samples, metrics.Sample{Name: d.Name})
			}
		}
	}
	metrics.Read(samples)
	values := map[string]interface{}{}
	for _, s := range samples {
		switch s.Value.Kind() {
		case metrics.KindUint64:
			values[s.Name] = s.Value.Uint64()
		case metrics.KindFloat64:
			values[s.Name] = s.Value.Float64()
		case metrics.KindFloat64Histogram:
			values[s.Name] = histogramOf(s.Value.Float64Histogram())
		}
	}
	return values
}

// samplesOf is how many samples the first of the named histograms has that this release knows.
func samplesOf(values map[string]interface{}, names ...string) uint64 {
	for _, name := range names {
		if h, ok := values[name].(histogram); ok {
			return h.Count
		}
	}
	return 0
}

// tellTruth is to be called when nothing allocates any more. It ends collections first (debug.SetGCPercent waits for
// the one there may be, and stops no world), so that all numbers are of one moment.
func tellTruth() truth {
	var stats runtime.MemStats
	debug.SetGCPercent(-1)
	runtime.ReadMemStats(&stats)
	countStop("read_mem_stats", 1)
	t := truth{
		GoVersion:    runtime.Version(),
		Pid:          os.Getpid(),
		NumGC:        stats.NumGC,
		NumForcedGC:  stats.NumForcedGC,
		PauseTotalNs: stats.PauseTotalNs,
		FirstCycle:   1,
		PauseNs:      []uint64{},
		Stops:        stops.by,
		Metrics:      readMetrics(),
	}
	if stats.NumGC > uint32(len(stats.PauseNs)) {
		t.FirstCycle = stats.NumGC - uint32(len(stats.PauseNs)) + 1
	}
	for n := t.FirstCycle; n <= stats.NumGC; n++ {
		t.PauseNs = append(t.PauseNs, stats.PauseNs[(n+255)%256])
	}
	// Up to 1.21 the second is what the runtime tells of all stops.
	t.GCStops = samplesOf(t.Metrics, "/sched/pauses/total/gc:seconds", "/gc/pauses:seconds")
	t.Restarts = t.GCStops - 2*uint64(t.NumGC)
	return t
}
