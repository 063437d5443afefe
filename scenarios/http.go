package scenarios

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	yaml "github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/loadgen-go/loadgen/bench/grpctarget"
	"github.com/loadgen-go/loadgen/bench/httptarget"
	"github.com/loadgen-go/loadgen/internal/spelling"
)

var (
	durationType = reflect.TypeFor[time.Duration]()
	textType     = reflect.TypeFor[*string]()
	timeoutType  = reflect.TypeFor[httptarget.Timeout]()
)

// connected are the structs whose connections may be a mapping of min and max, with the default of min.
var connected = map[reflect.Type]int{
	reflect.TypeFor[httptarget.Options](): httptarget.DefaultConnections,
	reflect.TypeFor[grpctarget.Options](): grpctarget.DefaultConnections,
}

// scalars are the mappings that may also be scalars, with the field that a scalar sets.
var scalars = map[reflect.Type]string{
	reflect.TypeFor[httptarget.Body]():   "Text",
	timeoutType:                          "Total",
	reflect.TypeFor[grpctarget.Schema](): "From",
	reflect.TypeFor[CPUs]():              "Choice",
}

// serviceFields are the fields between the target and the load.
var serviceFields = []Field{
	{Key: HTTPTarget, Want: "a mapping with some of " +
		strings.Join(fieldKeys(reflect.TypeFor[httptarget.Options]()), ", "),
		About: "The service that target http calls, as the options of package bench/httptarget."},
	{Key: GRPCTarget, Want: "a mapping with some of " +
		strings.Join(fieldKeys(reflect.TypeFor[grpctarget.Options]()), ", "),
		About: "The service that target grpc calls, as the options of package bench/grpctarget."},
	{Key: ServiceKey, Want: "a mapping with some of " + strings.Join(fieldKeys(reflect.TypeFor[Service]()), ", "),
		About: "How each visit starts that service; without it, the service runs already."},
	{Key: ServiceArms, List: true, Want: "a list of mappings with some of " +
		strings.Join(fieldKeys(reflect.TypeFor[Arm]()), ", "),
		About: "Arms: variants of the service, each with what it changes."},
}

// fieldKeys returns the keys of the fields of a struct.
func fieldKeys(t reflect.Type) (keys []string) {
	for f := range t.Fields() {
		if key, _ := fieldKey(&f); key != "" {
			keys = append(keys, key)
		}
	}
	return keys
}

// fieldKey returns the key of a field of a struct, or "" if the field has none, and whether a zero is left out.
func fieldKey(f *reflect.StructField) (key string, omitted bool) {
	key, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	if key == "-" {
		key = ""
	}
	return key, options != ""
}

// structure decodes a field that is a mapping, or a list of mappings.
func (d *decoder) structure(key string, kv *ast.MappingValueNode) {
	before := len(d.problems)
	d.fill(key, kv.Value, reflect.ValueOf(structures[key](&d.made)).Elem())
	if IsService(key) {
		d.onceMax(key, kv.Value)
	}
	where, line := d.at(kv.Key)
	d.values[key] = value{where: where, line: line}
	d.unread[key] = len(d.problems) > before
}

// fill sets v, which has the given path in the file, to the value of a node.
func (d *decoder) fill(path string, n ast.Node, v reflect.Value) {
	switch kind := v.Kind(); {
	case kind == reflect.Pointer && v.Type() == textType && n.Type() == ast.NullType: // an unset variable
	case kind == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.fill(path, n, v.Elem())
	case kind == reflect.Interface:
		if err := yaml.NodeToValue(n, v.Addr().Interface()); err != nil {
			d.wrongAt(n, "%s cannot be read: want text, a number, true or false, a list or a mapping", path)
		}
	case kind == reflect.Slice:
		d.fillList(path, n, v)
	case scalars[v.Type()] != "" && isScalar(n):
		d.fill(path, n, v.FieldByName(scalars[v.Type()]))
	case kind == reflect.Struct || kind == reflect.Map:
		d.fillMapping(path, n, v)
	default:
		d.fillScalar(path, n, v)
	}
}

func isScalar(n ast.Node) bool { _, ok := n.(ast.ScalarNode); return ok }

// fillList sets v to the items of a list, or of a scalar, which is a list of one.
func (d *decoder) fillList(path string, n ast.Node, v reflect.Value) {
	items := []ast.Node{n}
	if list, ok := n.(*ast.SequenceNode); ok {
		items = list.Values
	}
	v.Set(reflect.MakeSlice(v.Type(), len(items), len(items)))
	for i, item := range items {
		d.fill(fmt.Sprintf("%s[%d]", path, i), item, v.Index(i))
	}
}

// fillMapping sets the fields of a struct, or the keys of a map.
func (d *decoder) fillMapping(path string, n ast.Node, v reflect.Value) {
	m, ok := n.(*ast.MappingNode)
	isMap := v.Kind() == reflect.Map
	switch {
	case !ok && isMap:
		d.wrongAt(n, "%s is not a mapping: want names with their values", path)
		return
	case !ok:
		d.wrongAt(n, "%s is not a mapping: want fields such as %s", path, strings.Join(fieldKeys(v.Type()), ", "))
		return
	case isMap:
		v.Set(reflect.MakeMap(v.Type()))
	}
	seen := map[string]bool{}
	for _, kv := range m.Values {
		key := kv.Key.GetToken().Value
		if seen[key] {
			d.wrongAt(kv.Key, "%s.%s is given twice: want it once", path, key)
			continue
		}
		seen[key] = true
		if isMap {
			element := reflect.New(v.Type().Elem()).Elem()
			d.fill(path+"."+key, kv.Value, element)
			v.SetMapIndex(reflect.ValueOf(key), element)
			continue
		}
		d.fillField(path, key, kv, v)
	}
}

// fillField sets the field of a struct that has a key.
func (d *decoder) fillField(path, key string, kv *ast.MappingValueNode, v reflect.Value) {
	if _, ok := kv.Value.(*ast.MappingNode); ok && connected[v.Type()] > 0 && key == "connections" {
		d.fillConnections(path+"."+key, kv, v)
		return
	}
	for f, field := range v.Fields() {
		if have, _ := fieldKey(&f); have == key && key != "" {
			d.fill(path+"."+key, kv.Value, field)
			return
		}
	}
	if d.lenient {
		return
	}
	keys := fieldKeys(v.Type())
	d.wrongAt(kv.Key, "unknown field %q%s: want one of %s", path+"."+key, spelling.Meant(key, keys),
		strings.Join(keys, ", "))
}

// fillConnections sets the numbers of connections of options to the values of a mapping.
func (d *decoder) fillConnections(path string, kv *ast.MappingValueNode, options reflect.Value) {
	var limits struct {
		Min int `json:"min"`
		Max int `json:"max"`
	}
	before := len(d.problems)
	d.fill(path, kv.Value, reflect.ValueOf(&limits).Elem())
	switch {
	case len(d.problems) > before:
		return
	case limits.Min < 0 || limits.Max < 0 || limits.Max != 0 && limits.Max < limits.Min:
		d.wrongAt(kv.Value, "%s has the min %d and the max %d: want 1 or more, and max not below min", path,
			limits.Min, limits.Max)
	}
	if limits.Min == 0 { // the default, unless it is too large
		limits.Min = min(limits.Max, connected[options.Type()])
	}
	options.FieldByName("Connections").SetInt(int64(limits.Min))
	options.FieldByName("MaxConnections").SetInt(int64(limits.Max))
}

// onceMax checks that the most connections are given by connections or by maxConnections, not by both.
func (d *decoder) onceMax(key string, n ast.Node) {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		return
	}
	var most *ast.MappingValueNode
	ranged := false
	for _, kv := range m.Values {
		switch _, isMapping := kv.Value.(*ast.MappingNode); kv.Key.GetToken().Value {
		case "connections":
			ranged = isMapping
		case "maxConnections":
			most = kv
		}
	}
	if ranged && most != nil {
		d.wrongAt(most.Key, "%s.maxConnections is given beside %s.connections with min and max: want one of them",
			key, key)
	}
}

// fillScalar sets v to the value of a scalar.
func (d *decoder) fillScalar(path string, n ast.Node, v reflect.Value) {
	wanted := "text"
	set := func(text string) error { v.SetString(text); return nil }
	switch {
	case v.Type() == durationType:
		wanted = "a duration such as 500ms or 5s"
		set = func(text string) error {
			d, err := time.ParseDuration(text)
			v.SetInt(int64(d))
			return err
		}
	case path == HTTPTarget+".maxBody" || path == GRPCTarget+".maxMessage":
		wanted = "a size such as 16MiB, or a number of bytes"
		set = func(text string) error {
			n, err := parseSize(text)
			v.SetInt(n)
			return err
		}
	case path == HTTPTarget+".reuse":
		wanted = "always, never, or a number of requests such as 100"
		set = func(text string) error {
			n, err := httptarget.ParseReuse(text)
			v.SetInt(int64(n))
			return err
		}
	case v.Kind() == reflect.Int:
		wanted = "a whole number"
		set = func(text string) error {
			n, err := strconv.Atoi(strings.ReplaceAll(text, "_", ""))
			v.SetInt(int64(n))
			return err
		}
	case v.Kind() == reflect.Bool:
		wanted = "true or false"
		set = func(text string) error {
			b, err := strconv.ParseBool(text)
			v.SetBool(b)
			return err
		}
	}
	i, ok := d.scalar(path, n, wanted)
	if !ok {
		return
	}
	if set(i.text) != nil {
		d.wrong(i.where, i.line, "%s: %q is not valid: want %s", path, i.text, wanted)
	}
}

// sizes are the units of sizes, in bytes.
var sizes = []struct {
	unit  string
	bytes int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}, {"", 1}}

// parseSize parses a size such as 16MiB, or a number of bytes.
func parseSize(text string) (int64, error) {
	text = strings.ReplaceAll(text, "_", "")
	for _, size := range sizes {
		digits, ok := strings.CutSuffix(text, size.unit)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err == nil && (n > math.MaxInt64/size.bytes || n < 0) {
			err = strconv.ErrRange
		}
		return n * size.bytes, err
	}
	return 0, strconv.ErrSyntax
}

// plain returns a value of the service as encoding/json should encode it: like the file, with durations as text.
func plain(v reflect.Value) any {
	switch {
	case v.Kind() == reflect.Pointer && v.IsNil():
		return nil
	case v.Kind() == reflect.Pointer:
		return plain(v.Elem())
	case v.Type() == durationType:
		return v.Interface().(time.Duration).String()
	case v.Kind() == reflect.Struct:
		var o object
		for f, field := range v.Fields() {
			if key, omitted := fieldKey(&f); key != "" && !(omitted && field.IsZero()) {
				o.add(key, plain(field))
			}
		}
		return &o
	case v.Kind() == reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = plain(v.Index(i))
		}
		return list
	case v.Kind() == reflect.Map && v.Type().Elem().Kind() == reflect.Struct:
		m := map[string]any{}
		for key, element := range v.Seq2() {
			m[key.String()] = plain(element)
		}
		return m
	}
	return v.Interface()
}

// MarshalJSON encodes the object.
func (o *object) MarshalJSON() ([]byte, error) { return o.with(nil) }

var _ json.Marshaler = (*object)(nil)
