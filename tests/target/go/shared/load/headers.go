// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"math/rand"
	"net/http"
	"strings"
)

// A Parent is what a request's headers say, by the rules of W3C (Trace Context, level 2, 3.2) and of B3.
type Parent struct {
	Source  string `json:"source"` // "traceparent", "b3", "b3multi", or "new": no parent
	TraceID string `json:"trace_id"`
	SpanID  string `json:"span_id"`
}

// A headerCase is a way to say, or not to say, of which trace a request is. In values {trace} and {span} stand for the
// ids that a correct reader takes, {low} for the second half of the trace id, {other} and {parent} for ids that are not to
// be taken, {OTHER} and {PARENT} for the same in upper case.
type headerCase struct {
	name   string
	source string
	half   bool // the trace id is of 64 bits
	fields []field
}

// A field's name is sent as it is by HTTP/1.
type field struct{ name, value string }

const valid = "00-{trace}-{span}-01"

func traceparent(value string) field { return field{"Traceparent", value} }
func b3(value string) field          { return field{"B3", value} }

func multi(trace, span string) []field {
	return []field{{"X-B3-Traceid", trace}, {"X-B3-Spanid", span}, {"X-B3-Sampled", "1"}}
}

var headerCases = []headerCase{
	{name: "none", source: "new"},

	// Taken.
	{name: "valid", source: "traceparent", fields: []field{traceparent(valid)}},
	{name: "unsampled", source: "traceparent", fields: []field{traceparent("00-{trace}-{span}-00")}},
	{name: "random", source: "traceparent", fields: []field{traceparent("00-{trace}-{span}-03")}},
	{name: "all-flags", source: "traceparent", fields: []field{traceparent("00-{trace}-{span}-ff")}},
	{name: "tracestate", source: "traceparent", fields: []field{
		traceparent(valid), {"Tracestate", "ot=th:8,other=1"}}},
	{name: "tracestates", source: "traceparent", fields: []field{
		traceparent(valid), {"Tracestate", "a=1,,b=2"}, {"Tracestate", " ot=th:c;rv:0123456789abcd , c=3"}}},
	{name: "bad-tracestate", source: "traceparent", fields: []field{traceparent(valid), {"Tracestate", "A=1,,=,ot"}}},
	{name: "next-version", source: "traceparent", fields: []field{traceparent("cc-{trace}-{span}-01")}},
	{name: "next-version-more", source: "traceparent", fields: []field{traceparent("cc-{trace}-{span}-01-what-else")}},
	{name: "name-lower", source: "traceparent", fields: []field{{"traceparent", valid}}},
	{name: "name-upper", source: "traceparent", fields: []field{{"TRACEPARENT", valid}}},
	{name: "name-mixed", source: "traceparent", fields: []field{{"traceParent", valid}}},

	// Rejected.
	{name: "version-ff", source: "new", fields: []field{traceparent("ff-{other}-{parent}-01")}},
	{name: "version-short", source: "new", fields: []field{traceparent("0-{other}-{parent}-01")}},
	{name: "version-no-hex", source: "new", fields: []field{traceparent("0g-{other}-{parent}-01")}},
	{name: "version-upper", source: "new", fields: []field{traceparent("0A-{other}-{parent}-01")}},
	{name: "longer", source: "new", fields: []field{traceparent("00-{other}-{parent}-01-what")}},
	{name: "longer-dash", source: "new", fields: []field{traceparent("00-{other}-{parent}-01-")}},
	{name: "longer-dot", source: "new", fields: []field{traceparent("00-{other}-{parent}-01.")}},
	{name: "next-version-glued", source: "new", fields: []field{traceparent("cc-{other}-{parent}-01.what")}},
	{name: "shorter", source: "new", fields: []field{traceparent("00-{other}-{parent}-0")}},
	{name: "no-flags", source: "new", fields: []field{traceparent("00-{other}-{parent}")}},
	{name: "one-id", source: "new", fields: []field{traceparent("00-{other}")}},
	{name: "empty", source: "new", fields: []field{traceparent("")}},
	{name: "junk", source: "new", fields: []field{traceparent("nonsense")}},
	{name: "zero-trace", source: "new", fields: []field{traceparent("00-" + strings.Repeat("0", 32) + "-{parent}-01")}},
	{name: "zero-span", source: "new", fields: []field{traceparent("00-{other}-0000000000000000-01")}},
	{name: "upper-trace", source: "new", fields: []field{traceparent("00-{OTHER}-{parent}-01")}},
	{name: "upper-span", source: "new", fields: []field{traceparent("00-{other}-{PARENT}-01")}},
	{name: "upper-flags", source: "new", fields: []field{traceparent("00-{other}-{parent}-0A")}},
	{name: "no-hex-trace", source: "new", fields: []field{traceparent("00-x{other}-{parent}-01")}},
	{name: "no-hex-in-trace", source: "new", fields: []field{traceparent("00-aaaaaaaaaaaaaaaagaaaaaaaaaaaaaaa-{parent}-01")}},
	{name: "no-hex-in-span", source: "new", fields: []field{traceparent("00-{other}-aaaaaaaag aaaaaa-01")}},
	{name: "no-hex-flags", source: "new", fields: []field{traceparent("00-{other}-{parent}-.1")}},
	{name: "underscores", source: "new", fields: []field{traceparent("00_{other}_{parent}_01")}},
	{name: "one-underscore", source: "new", fields: []field{traceparent("00-{other}_{parent}-01")}},
	{name: "list", source: "new", fields: []field{traceparent("00-{other}-{parent}-01, 00-{other}-{parent}-01")}},
	{name: "repeated", source: "new", fields: []field{
		traceparent("00-{other}-{parent}-01"), traceparent("00-{other}-{parent}-01")}},
	{name: "repeated-casing", source: "new", fields: []field{
		traceparent("00-{other}-{parent}-01"), {"traceparent", "00-{other}-{parent}-01"}}},

	// B3, which is for want of a valid traceparent.
	{name: "b3", source: "b3", fields: []field{b3("{trace}-{span}-1")}},
	{name: "b3-two", source: "b3", fields: []field{b3("{trace}-{span}")}},
	{name: "b3-denied", source: "b3", fields: []field{b3("{trace}-{span}-0")}},
	{name: "b3-debug", source: "b3", fields: []field{b3("{trace}-{span}-d")}},
	{name: "b3-parent", source: "b3", fields: []field{b3("{trace}-{span}-1-{parent}")}},
	{name: "b3-half", source: "b3", half: true, fields: []field{b3("{low}-{span}-1")}},
	{name: "b3-name", source: "b3", fields: []field{{"b3", "{trace}-{span}-1"}}},
	{name: "b3-state", source: "new", fields: []field{b3("0")}},
	{name: "b3-junk", source: "new", fields: []field{b3("nonsense")}},
	{name: "b3-zero", source: "new", fields: []field{b3(strings.Repeat("0", 32) + "-{parent}-1")}},
	{name: "b3-no-hex", source: "new", fields: []field{b3("{other}-gggggggggggggggg-1")}},
	{name: "b3-shorter", source: "new", fields: []field{b3("{other}-12345-1")}},
	{name: "b3-bad-state", source: "new", fields: []field{b3("{other}-{parent}-x")}},
	{name: "b3multi", source: "b3multi", fields: multi("{trace}", "{span}")},
	{name: "b3multi-half", source: "b3multi", half: true, fields: multi("{low}", "{span}")},
	{name: "b3multi-casing", source: "b3multi", fields: []field{
		{"X-B3-TraceId", "{trace}"}, {"x-b3-spanid", "{span}"}, {"X-B3-Flags", "1"}}},
	{name: "b3multi-parent", source: "b3multi", fields: append(multi("{trace}", "{span}"), field{"X-B3-Parentspanid", "{parent}"})},
	{name: "b3multi-no-span", source: "new", fields: []field{{"X-B3-Traceid", "{other}"}, {"X-B3-Sampled", "1"}}},
	{name: "b3multi-state", source: "new", fields: []field{{"X-B3-Sampled", "0"}}},
	{name: "b3multi-zero", source: "new", fields: multi(strings.Repeat("0", 32), "{parent}")},
	{name: "b3-over-multi", source: "b3", fields: append(multi("{other}", "{parent}"), b3("{trace}-{span}-1"))},
	{name: "b3-bad-multi", source: "b3multi", fields: append(multi("{trace}", "{span}"), b3("nonsense"))},
	{name: "over-b3", source: "traceparent", fields: append(multi("{other}", "{parent}"), traceparent(valid), b3("{other}-{parent}-1"))},
	{name: "bad-b3", source: "b3", fields: []field{traceparent("ff-{other}-{parent}-01"), b3("{trace}-{span}-1")}},
}

// id is so many hex digits, the first of which has an upper case.
func id(random *rand.Rand, digits int) string {
	const hex = "0123456789abcdef"
	text := []byte{'a'}
	for len(text) < digits {
		text = append(text, hex[random.Intn(len(hex))])
	}
	return string(text)
}

// fill puts the case's fields into the header, as they are, and says what they mean.
func (c headerCase) fill(header http.Header, random *rand.Rand) Parent {
	trace, span, other, parent := id(random, 32), id(random, 16), id(random, 32), id(random, 16)
	values := strings.NewReplacer("{trace}", trace, "{span}", span, "{low}", trace[16:], "{other}", other, "{parent}", parent,
		"{OTHER}", strings.ToUpper(other), "{PARENT}", strings.ToUpper(parent))
	for _, f := range c.fields {
		header[f.name] = append(header[f.name], values.Replace(f.value))
	}
	switch {
	case c.source == "new":
		return Parent{Source: c.source}
	case c.half:
		trace = strings.Repeat("0", 16) + trace[16:]
	}
	return Parent{c.source, trace, span}
}

// Cases are the ways to say of which trace a request is, in turn: all of them before one comes again.
type Cases struct {
	order []int
	next  int
}

// NewCases begins with one of them.
func NewCases(random *rand.Rand) *Cases {
	return &Cases{order: random.Perm(len(headerCases))}
}

// Next puts one into the header, beside some that nobody asks for, and says its name and what it means.
func (c *Cases) Next(header http.Header, random *rand.Rand) (string, Parent) {
	this := headerCases[c.order[c.next%len(c.order)]]
	c.next++
	parent := this.fill(header, random)
	for i := []int{0, 0, 8, 30, 60, 64, 200}[random.Intn(7)]; i > 0; i-- {
		header.Set(fmt.Sprintf("X-Other-%03d", i), strings.Repeat("v", i%50))
	}
	return this.name, parent
}

// Told are the fields of a header without those that nobody asks for.
func Told(header http.Header) map[string][]string {
	rest := map[string][]string{}
	for name, values := range header {
		if !strings.HasPrefix(name, "X-Other-") {
			rest[name] = values
		}
	}
	return rest
}
