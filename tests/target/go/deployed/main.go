// SPDX-License-Identifier: Apache-2.0

// deployed reads files of scripts/deploy as those who take them would: .alloy by the parser of River, as the language of
// Alloy was called before, and .yml strictly into the types of Kubernetes' API, where a field that does not exist is an
// error. It prints "N read", and exits 1 with what is wrong.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/grafana/river/parser"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// object is an empty one of the document's kind.
func object(document []byte) (any, error) {
	var head struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := yaml.Unmarshal(document, &head); err != nil {
		return nil, err
	}
	switch head.APIVersion + " " + head.Kind {
	case "apps/v1 DaemonSet":
		return &apps.DaemonSet{}, nil
	case "apps/v1 StatefulSet":
		return &apps.StatefulSet{}, nil
	case "v1 Service":
		return &core.Service{}, nil
	}
	return nil, fmt.Errorf("no kind %q of %q here", head.Kind, head.APIVersion)
}

// manifest is how many objects there are in a file.
func manifest(content []byte) (int, error) {
	documents := bytes.Split(content, []byte("\n---\n"))
	for _, document := range documents {
		into, err := object(document)
		if err != nil {
			return 0, err
		}
		content, err := yaml.YAMLToJSONStrict(document)
		if err != nil {
			return 0, err
		}
		// As the API server does: encoding/json would take names in any case.
		unknown, err := json.UnmarshalStrict(content, into)
		if err := errors.Join(append(unknown, err)...); err != nil {
			return 0, err
		}
	}
	return len(documents), nil
}

func read(path string) (int, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	if strings.HasSuffix(path, ".alloy") {
		_, err := parser.ParseFile(path, content)
		return 1, err
	}
	return manifest(content)
}

func main() {
	total := 0
	for _, path := range os.Args[1:] {
		count, err := read(path)
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", path, err)
			os.Exit(1)
		}
		total += count
	}
	fmt.Println(total, "read")
}
