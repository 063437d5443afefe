package service

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/loadgen-go/loadgen/internal/spelling"
)

// placeholder matches {{NAME}} and $(PORT).
var placeholder = regexp.MustCompile(`\{\{\s*([^{}]*?)\s*\}\}|\$\(PORT\)`)

// names are what placeholders stand for.
type names struct {
	port   int
	ports  map[string]int
	values map[string]string
}

// expand returns text with every placeholder replaced.
func (n *names) expand(text string) (string, error) {
	var wrong error
	expanded := placeholder.ReplaceAllStringFunc(text, func(found string) string {
		name := nameOf(found)
		value, ok := n.lookup(name)
		if !ok && wrong == nil {
			known := append([]string{"port", "port NAME"}, slices.Sorted(maps.Keys(n.values))...)
			wrong = fmt.Errorf("%q: unknown placeholder %s: want one of %s%s", text, found,
				strings.Join(known, ", "), spelling.Meant(name, known))
		}
		return value
	})
	return expanded, wrong
}

// lookup returns what a name stands for.
func (n *names) lookup(name string) (string, bool) {
	if name == "port" {
		return strconv.Itoa(n.port), true
	}
	if port, ok := portName(name); ok {
		return strconv.Itoa(n.ports[port]), true
	}
	value, ok := n.values[name]
	return value, ok
}

// nameOf returns the name in a placeholder.
func nameOf(found string) string {
	if match := placeholder.FindStringSubmatch(found); match[1] != "" {
		return match[1]
	} else if found == "$(PORT)" {
		return "port"
	}
	return ""
}

// portName returns NAME of "port NAME".
func portName(name string) (string, bool) {
	fields := strings.Fields(name)
	if len(fields) != 2 || fields[0] != "port" {
		return "", false
	}
	return fields[1], true
}

// A text is a field that may have placeholders.
type text struct{ field, text string }

// texts returns all fields that may have placeholders.
func (o *Options) texts() []text {
	texts := []text{{"Dir", o.Dir}, {"Ready.HTTP", o.Ready.HTTP}, {"Inspect", o.Inspect}, {"Web", o.Web}}
	for i, arg := range o.Command {
		texts = append(texts, text{fmt.Sprintf("Command[%d]", i), arg})
	}
	for i, arg := range o.Args {
		texts = append(texts, text{fmt.Sprintf("Args[%d]", i), arg})
	}
	for _, name := range sortedKeys(o.Env) {
		if value := o.Env[name]; value != nil {
			texts = append(texts, text{"Env[" + name + "]", *value})
		}
	}
	return texts
}

// Uses reports whether a placeholder {{NAME}} stands in a field.
func (o *Options) Uses(name string) bool {
	for _, t := range o.texts() {
		for _, found := range placeholder.FindAllString(t.text, -1) {
			if nameOf(found) == name {
				return true
			}
		}
	}
	return false
}

// names returns what the placeholders of o stand for, as far as it is known before the service starts.
func (o *Options) names() *names {
	return &names{ports: merged(o.Ports, nil), values: o.Values}
}

// assign gives a free port to the service, and to each name without one. {{port}} of the sidecar NAME is what the
// others know as {{port NAME}}.
func (o *Options) assign(n *names) (err error) {
	known := 0
	if o.Sidecar {
		known = n.ports[o.name()]
	}
	if n.port = known; known == 0 {
		if n.port, err = o.unused(n); err != nil {
			return err
		}
	}
	if o.Sidecar {
		n.ports[o.name()] = n.port
	}
	for _, t := range o.texts() {
		for _, found := range placeholder.FindAllString(t.text, -1) {
			name, ok := portName(nameOf(found))
			if !ok || n.ports[name] != 0 {
				continue
			}
			if n.ports[name], err = o.unused(n); err != nil {
				return err
			}
		}
	}
	return nil
}

// unused returns a free port that n does not have. The system may give the same one twice, since nobody listens on it
// yet.
func (o *Options) unused(n *names) (int, error) {
	free := o.freePort
	if free == nil {
		free = freePort
	}
	const tries = 100
	for range tries {
		port, err := free()
		if err != nil {
			return 0, fmt.Errorf("looking for a free port: %w", err)
		}
		if port != n.port && !slices.Contains(slices.Collect(maps.Values(n.ports)), port) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("looking for a free port: the system gave the same ones %d times", tries)
}

// merged returns the entries of both maps. Those of b replace those of a.
func merged[V any](a, b map[string]V) map[string]V {
	all := make(map[string]V, len(a)+len(b))
	maps.Copy(all, a)
	maps.Copy(all, b)
	return all
}

// sortedKeys returns the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
