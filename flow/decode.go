package flow

import (
	"encoding/json"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"offhook/resource"
)

// decoding turns a tree into an option, strictly. When a document is checked
// value is nil: strings that hold variables are then left open. When an action
// runs value gives the variables.
type decoding struct {
	verbs   *Verbs
	value   func(name string) (string, bool)
	faults  *Faults
	open    map[string]bool
	targets *[]target // ids that fields point to; nil when not wanted
}

// target is an id that an option points to.
type target struct {
	path string
	id   string
}

var (
	actionList   = reflect.TypeFor[[]resource.Action]()
	rawMessage   = reflect.TypeFor[json.RawMessage]()
	variableName = reflect.TypeFor[VariableName]()
)

// into decodes n into v, a settable value, as far as it is sound, and adds a
// fault for everything that is not.
func (d *decoding) into(n *node, v reflect.Value, path string, tag reflect.StructTag) {
	switch v.Type() {
	case actionList:
		d.actions(n, v, path)
		return
	case rawMessage:
		v.SetBytes(n.appendJSON(nil, d.text(path)))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.into(n, v.Elem(), path, tag)
	case reflect.Struct:
		d.structure(n, v, path)
	case reflect.Slice:
		d.slice(n, v, path, tag)
	case reflect.Map:
		d.mapping(n, v, path, tag)
	case reflect.String:
		d.string(n, v, path, tag)
	case reflect.Interface:
		var free any
		_ = json.Unmarshal(n.appendJSON(nil, d.text(path)), &free) // appendJSON writes valid JSON
		v.Set(reflect.ValueOf(&free).Elem())
	default:
		d.scalar(n, v, path, tag)
	}
}

// text returns what fills the strings at path.
func (d *decoding) text(path string) func(string) string {
	return func(s string) string {
		if !hasPlaceholder(s) {
			return s
		}
		if d.value == nil {
			d.open[path] = true
			return s
		}
		return substitute(s, d.value)
	}
}

func (d *decoding) wrongType(path, want string, n *node) {
	have := kindNames[n.kind]
	if n.kind == stringNode && (want == "an integer" || want == "a number" || want == "a boolean") {
		have += `; without quotes, or a variable such as "${name}"`
	}
	d.faults.add(path, FaultWrongType, "must be %s, not %s", want, have)
}

func (d *decoding) structure(n *node, v reflect.Value, path string) {
	if n.kind != objectNode {
		d.wrongType(path, "an object", n)
		return
	}
	fields := Fields(v.Type())
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	seen := make(map[string]bool, len(n.names))
	for _, name := range n.names {
		switch {
		case seen[name]:
			d.faults.add(join(path, name), FaultDuplicateField, "the field is there twice")
		case !slices.Contains(names, name):
			d.faults.add(join(path, name), FaultUnknownField, "unknown field %q%s", name, hint(name, names))
		}
		seen[name] = true
	}
	for _, f := range fields {
		d.field(n.field(f.Name), v.FieldByIndex(f.index), join(path, f.Name), f.Tag)
	}
}

// field decodes one field of a structure; n is nil when it was not given.
func (d *decoding) field(n *node, v reflect.Value, path string, tag reflect.StructTag) {
	if n != nil && n.kind != nullNode {
		d.into(n, v, path, tag)
		if tag.Get("required") == "true" && !d.open[path] && (isEmpty(n) || n.kind == stringNode && v.Kind() == reflect.String && v.IsZero()) {
			d.faults.add(path, FaultMissingField, "must not be empty")
		}
		return
	}
	if tag.Get("required") == "true" {
		d.faults.add(path, FaultMissingField, "is required: %s", tag.Get("doc"))
		return
	}
	setDefault(v, tag)
}

// isEmpty reports whether a value is there and says nothing.
func isEmpty(n *node) bool {
	return n.kind == stringNode && n.text == "" || n.kind == arrayNode && len(n.kids) == 0
}

func (d *decoding) slice(n *node, v reflect.Value, path string, tag reflect.StructTag) {
	if n.kind != arrayNode {
		d.wrongType(path, "an array", n)
		return
	}
	list := reflect.MakeSlice(v.Type(), len(n.kids), len(n.kids))
	for i, kid := range n.kids {
		d.into(kid, list.Index(i), index(path, i), tag)
	}
	v.Set(list)
}

func (d *decoding) mapping(n *node, v reflect.Value, path string, tag reflect.StructTag) {
	if n.kind != objectNode {
		d.wrongType(path, "an object", n)
		return
	}
	m := reflect.MakeMapWithSize(v.Type(), len(n.kids))
	for i, name := range n.names {
		key := reflect.ValueOf(name)
		if m.MapIndex(key).IsValid() {
			d.faults.add(join(path, name), FaultDuplicateField, "the field is there twice")
			continue
		}
		value := reflect.New(v.Type().Elem()).Elem()
		d.into(n.kids[i], value, join(path, name), tag)
		m.SetMapIndex(key, value)
	}
	v.Set(m)
}

func (d *decoding) string(n *node, v reflect.Value, path string, tag reflect.StructTag) {
	if n.kind != stringNode {
		d.wrongType(path, "a string", n)
		return
	}
	if v.Type() == variableName {
		v.SetString(n.text)
		return
	}
	s := d.text(path)(n.text)
	v.SetString(s)
	if d.open[path] {
		return
	}
	if words, ok := tag.Lookup("enum"); ok && !slices.Contains(strings.Split(words, ","), s) {
		d.faults.add(path, FaultInvalidValue, "must be %s, not %q%s", oneOf(words), s, hint(s, strings.Split(words, ",")))
	}
	if keywords, ok := tag.Lookup("target"); ok && d.targets != nil && s != "" && !slices.Contains(strings.Split(keywords, ","), s) {
		*d.targets = append(*d.targets, target{path: path, id: s})
	}
}

// oneOf lists the words of an enum tag; an empty word means that the field may
// be empty and goes without saying.
func oneOf(words string) string {
	list := slices.DeleteFunc(strings.Split(words, ","), func(w string) bool { return w == "" })
	if len(list) == 1 {
		return list[0]
	}
	return "one of " + strings.Join(list, ", ")
}

// scalar decodes numbers and booleans. A string that is one variable and
// nothing else may stand for them.
func (d *decoding) scalar(n *node, v reflect.Value, path string, tag reflect.StructTag) {
	text, fits := n.text, n.kind == numberNode
	if v.Kind() == reflect.Bool {
		fits = n.kind == boolNode
	}
	if n.kind == stringNode && onlyPlaceholder(n.text) {
		if d.value == nil {
			d.open[path] = true
			setDefault(v, tag)
			return
		}
		text, fits = strings.TrimSpace(substitute(n.text, d.value)), true
		if text == "" {
			setDefault(v, tag)
			return
		}
	}
	if !fits {
		d.wrongType(path, scalarName(v.Kind()), n)
		return
	}
	if !setScalar(v, text) {
		d.faults.add(path, FaultWrongType, "must be %s, not %q", scalarName(v.Kind()), text)
		return
	}
	d.bounds(v, path, tag)
}

func scalarName(k reflect.Kind) string {
	switch k {
	case reflect.Bool:
		return "a boolean"
	case reflect.Float64:
		return "a number"
	}
	return "an integer"
}

// setScalar sets v, a bool, int or float64, to what text says. A number with a
// fraction of zero is an integer too.
func setScalar(v reflect.Value, text string) bool {
	switch v.Kind() {
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		v.SetBool(b)
		return err == nil
	case reflect.Float64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			return false
		}
		v.SetFloat(f)
		return true
	}
	if i, err := strconv.Atoi(text); err == nil {
		v.SetInt(int64(i))
		return true
	}
	f, ok := new(big.Float).SetString(text)
	if !ok || !f.IsInt() {
		return false
	}
	i, exact := f.Int64()
	v.SetInt(i)
	return exact == big.Exact
}

func (d *decoding) bounds(v reflect.Value, path string, tag reflect.StructTag) {
	var x float64
	switch v.Kind() {
	case reflect.Int:
		x = float64(v.Int())
	case reflect.Float64:
		x = v.Float()
	default:
		return
	}
	if least, err := strconv.ParseFloat(tag.Get("minimum"), 64); err == nil && x < least {
		d.faults.add(path, FaultInvalidValue, "must be at least %s", tag.Get("minimum"))
	}
	if most, err := strconv.ParseFloat(tag.Get("maximum"), 64); err == nil && x > most {
		d.faults.add(path, FaultInvalidValue, "must be at most %s", tag.Get("maximum"))
	}
}

// setDefault sets v to what its default tag says.
func setDefault(v reflect.Value, tag reflect.StructTag) {
	text, ok := tag.Lookup("default")
	if !ok {
		return
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	if v.Kind() == reflect.String {
		v.SetString(text)
		return
	}
	setScalar(v, text)
}

// actions decodes a list of actions for another run. Names that this run does
// not know are left for that one.
func (d *decoding) actions(n *node, v reflect.Value, path string) {
	list := readActions(n, path, d.faults)
	if d.value != nil {
		for i := range list {
			list[i].Option = d.inherit(list[i].Option)
		}
	}
	(&parser{verbs: d.verbs, faults: d.faults}).program(list, path)
	v.Set(reflect.ValueOf(list))
}

// inherit fills what this run knows into an option of another run's action. The
// digits are always the other call's.
func (d *decoding) inherit(option json.RawMessage) json.RawMessage {
	n, err := readTree(option)
	if err != nil {
		return option
	}
	return n.appendJSON(nil, func(s string) string {
		return substitute(s, func(name string) (string, bool) {
			if name == DigitsVariable || prefix+name == DigitsVariable {
				return "", false
			}
			v, ok := d.value(name)
			return v, ok && v != ""
		})
	})
}

// Field describes one JSON field of a struct.
type Field struct {
	Name  string
	Type  reflect.Type
	Tag   reflect.StructTag
	index []int
}

// Fields returns the JSON fields of a struct, those of embedded structs
// included, in the order of the code.
func Fields(t reflect.Type) []Field {
	var fields []Field
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || !f.IsExported() || name == "" || name == "-" {
			continue
		}
		fields = append(fields, Field{Name: name, Type: f.Type, Tag: f.Tag, index: f.Index})
	}
	return fields
}
