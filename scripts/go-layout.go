// SPDX-License-Identifier: Apache-2.0

// Prints where the fields that common/go/layout.h names are in a Go program, one "NAME OFFSET" a line, from its DWARF:
// "-" where there is no such field. It shares nothing with common/go/layout.c, so that one checks the other.
package main

import (
	"debug/dwarf"
	"debug/elf"
	"fmt"
	"os"
	"strings"
)

// Of each field the places where it was in one release or another, as "type field field".
var fields = []struct {
	name   string
	places []string
}{
	{"GO_G_M", []string{"runtime.g m"}},
	{"GO_G_GOID", []string{"runtime.g goid"}},
	{"GO_G_STARTPC", []string{"runtime.g startpc"}},
	{"GO_M_CURG", []string{"runtime.m curg"}},
	{"GO_M_PREEMPTOFF", []string{"runtime.m preemptoff"}},
	{"GO_WORK_CYCLES", []string{"runtime.work cycles"}},
	{"GO_WORK_USER_FORCED", []string{"runtime.work userForced"}},
	{"GO_WORK_PAUSE_START", []string{"runtime.work pauseStart"}},
	{"GO_WORK_T_SWEEP_TERM", []string{"runtime.work tSweepTerm"}},
	{"GO_WORK_T_END", []string{"runtime.work tEnd"}},
	{"GO_WORK_HEAP0", []string{"runtime.work heap0"}},
	{"GO_WORK_HEAP1", []string{"runtime.work heap1"}},
	{"GO_WORK_HEAP2", []string{"runtime.work heap2"}},
	{"GO_CONTROLLER_LAST_HEAP_GOAL", []string{"runtime.gcControllerState lastHeapGoal"}},
	{"GO_SCHED_NGSYS", []string{"runtime.schedt ngsys"}},
	{"GO_SCHED_GFREE_N", []string{"runtime.schedt gFree n", "runtime.schedt gFree stack size"}},
	{"GO_SCHED_GFREE_NO_STACK", []string{"runtime.schedt gFree noStack size"}},
	{"GO_P_GFREE_N", []string{"runtime.p gFree n", "runtime.p gFree size"}},
}

// collectTypes finds every struct type, and the type of the variable runtime.work, by name.
func collectTypes(data *dwarf.Data) (map[string]dwarf.Type, error) {
	types := map[string]dwarf.Type{}
	reader := data.Reader()
	for {
		entry, err := reader.Next()
		if err != nil || entry == nil {
			return types, err
		}
		name, _ := entry.Val(dwarf.AttrName).(string)
		offset := entry.Offset
		switch {
		case entry.Tag == dwarf.TagCompileUnit:
			continue
		case entry.Tag == dwarf.TagVariable && name == "runtime.work":
			offset = entry.Val(dwarf.AttrType).(dwarf.Offset)
		case entry.Tag != dwarf.TagStructType || !strings.HasPrefix(name, "runtime."):
			reader.SkipChildren()
			continue
		}
		if types[name], err = data.Type(offset); err != nil {
			return nil, err
		}
		reader.SkipChildren()
	}
}

func findOffset(types map[string]dwarf.Type, place string) (int64, bool) {
	words := strings.Fields(place)
	current, sum := types[words[0]], int64(0)
	for _, word := range words[1:] {
		for {
			alias, ok := current.(*dwarf.TypedefType)
			if !ok {
				break
			}
			current = alias.Type
		}
		structure, ok := current.(*dwarf.StructType)
		if !ok {
			return 0, false
		}
		current = nil
		for _, field := range structure.Field {
			if field.Name == word {
				current = field.Type
				sum += field.ByteOffset
			}
		}
		if current == nil {
			return 0, false
		}
	}
	return sum, true
}

func run(path string) error {
	file, err := elf.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	data, err := file.DWARF()
	if err != nil {
		return err
	}
	types, err := collectTypes(data)
	if err != nil {
		return err
	}
	for _, field := range fields {
		text := "-"
		for _, place := range field.places {
			if offset, ok := findOffset(types, place); ok {
				text = fmt.Sprint(offset)
				break
			}
		}
		fmt.Println(field.name, text)
	}
	return nil
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go-layout.go FILE")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
