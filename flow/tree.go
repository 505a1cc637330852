package flow

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// maxDepth bounds how deep options may nest.
const maxDepth = 64

type nodeKind int

const (
	nullNode nodeKind = iota
	boolNode
	numberNode
	stringNode
	arrayNode
	objectNode
)

var kindNames = map[nodeKind]string{
	nullNode: "null", boolNode: "a boolean", numberNode: "a number",
	stringNode: "a string", arrayNode: "an array", objectNode: "an object",
}

// node is a JSON value that remembers the order of fields and those that are
// there twice. It is immutable after readTree.
type node struct {
	kind  nodeKind
	text  string   // of a string or number; "true" or "false"
	names []string // of an object's kids
	kids  []*node
}

// field returns an object's field, or nil.
func (n *node) field(name string) *node {
	for i, have := range n.names {
		if have == name {
			return n.kids[i]
		}
	}
	return nil
}

// readTree reads exactly one JSON value.
func readTree(raw []byte) (*node, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	n, err := readNode(d, 0)
	if err != nil {
		return nil, where(err, raw, d.InputOffset())
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("text after the JSON value at byte %d", d.InputOffset())
	}
	return n, nil
}

// where adds line and column to an error of the decoder.
func where(err error, raw []byte, offset int64) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		offset = syntax.Offset
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		offset, err = int64(len(raw)), errors.New("the JSON ends too early")
	}
	read := raw[:min(max(offset, 0), int64(len(raw)))]
	line := 1 + bytes.Count(read, []byte("\n"))
	column := len(read) - (bytes.LastIndexByte(read, '\n') + 1)
	return fmt.Errorf("line %d, column %d: %w", line, column, err)
}

func readNode(d *json.Decoder, depth int) (*node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested more than %d deep", maxDepth)
	}
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case nil:
		return &node{kind: nullNode}, nil
	case bool:
		return &node{kind: boolNode, text: strconv.FormatBool(t)}, nil
	case json.Number:
		return &node{kind: numberNode, text: t.String()}, nil
	case string:
		return &node{kind: stringNode, text: t}, nil
	case json.Delim:
		if t == '[' {
			return readKids(d, &node{kind: arrayNode}, depth)
		}
		return readKids(d, &node{kind: objectNode}, depth)
	}
	return nil, fmt.Errorf("unexpected token %v", token)
}

func readKids(d *json.Decoder, n *node, depth int) (*node, error) {
	for d.More() {
		if n.kind == objectNode {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			n.names = append(n.names, name.(string))
		}
		kid, err := readNode(d, depth+1)
		if err != nil {
			return nil, err
		}
		n.kids = append(n.kids, kid)
	}
	_, err := d.Token() // the closing delimiter
	return n, err
}

// appendJSON appends the value as JSON, each string as fill returns it.
func (n *node) appendJSON(dst []byte, fill func(string) string) []byte {
	switch n.kind {
	case nullNode:
		return append(dst, "null"...)
	case boolNode, numberNode:
		return append(dst, n.text...)
	case stringNode:
		return appendString(dst, fill(n.text))
	case arrayNode:
		dst = append(dst, '[')
		for i, kid := range n.kids {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = kid.appendJSON(dst, fill)
		}
		return append(dst, ']')
	default:
		dst = append(dst, '{')
		for i, kid := range n.kids {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendString(dst, n.names[i]), ':')
			dst = kid.appendJSON(dst, fill)
		}
		return append(dst, '}')
	}
}

func appendString(dst []byte, s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string can always be encoded
	return append(dst, bytes.TrimRight(b.Bytes(), "\n")...)
}

// anyString reports whether a string in the value satisfies f.
func (n *node) anyString(f func(string) bool) bool {
	if n.kind == stringNode && f(n.text) {
		return true
	}
	for _, kid := range n.kids {
		if kid.anyString(f) {
			return true
		}
	}
	return false
}
