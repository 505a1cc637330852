package main

import (
	"encoding/json"
	"fmt"
	"os"

	"go.yaml.in/yaml/v3"
)

// readResources reads a provisioning file: a map from collection to bodies, in
// YAML or JSON (which is YAML too).
func readResources(path string) (map[string][]json.RawMessage, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var file map[string][]any
	if err := yaml.Unmarshal(raw, &file); err != nil {
		return nil, fmt.Errorf("%s: a map from collection (such as flows) to a list of bodies is needed: %w", path, err)
	}
	body := map[string][]json.RawMessage{}
	for collection, list := range file {
		body[collection] = []json.RawMessage{}
		for i, item := range list {
			text, err := json.Marshal(named(item))
			if err != nil {
				return nil, fmt.Errorf("%s: %s[%d]: %w", path, collection, i, err)
			}
			body[collection] = append(body[collection], text)
		}
	}
	return body, nil
}

// named makes every map's keys names, as JSON has them: YAML reads the key of
// {1: sales} as a number.
func named(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, item := range v {
			v[k] = named(item)
		}
	case map[any]any:
		m := make(map[string]any, len(v))
		for k, item := range v {
			m[fmt.Sprint(k)] = named(item)
		}
		return m
	case []any:
		for i, item := range v {
			v[i] = named(item)
		}
	}
	return v
}
