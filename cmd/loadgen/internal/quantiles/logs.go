package quantiles

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/hdrlog"
	"github.com/loadgen-go/loadgen/internal/spelling"
)

// log reads the histograms of a log that have the reader's tag, or no tag.
func (r *Reader) log(f *textFile) (Data, error) {
	r.Logs++
	p := piles{}
	tags, err := r.intervals(f, func(i *hdrlog.Interval) error {
		if i.Tag != r.Tag {
			return nil
		}
		return p.add(i.Histogram, r)
	})
	if err != nil {
		return Data{}, err
	}
	chosen, ok := tags[r.Tag]
	switch {
	case !ok && len(tags) > 0 && r.Tag == "":
		return Data{}, fmt.Errorf("%s: all its histograms have tags, and different tags must not be mixed: want "+
			"--tag with one of %s", f.path, format.And(tags.names()))
	case !ok && len(tags) > 0:
		return Data{}, fmt.Errorf("%s: no histogram has the tag %q%s: want one of %s", f.path, r.Tag,
			spelling.Meant(r.Tag, tags.names()), format.And(tags.names()))
	case len(p) == 0:
		return Data{}, fmt.Errorf("%s:1: no values: want a log of histograms that hold some", f.path)
	}
	values, nth := p.expand(r.mostValues())
	about := fmt.Sprintf("%s, %s%s, values in %s, %s", f.path, format.Plural(chosen.Histograms, "histogram"),
		tags.which(r.Tag), r.unit(), p.about(nth))
	return of(f.name, about, r.shuffled(values)), nil
}

// A Tagged is what a log holds of one tag.
type Tagged struct {
	Histograms int    `json:"histograms"`
	Values     uint64 `json:"values"`
}

// Tags counts what a log holds, by tag. Histograms without a tag have the tag "".
type Tags map[string]Tagged

// noTag is printed for the tag of histograms without a tag.
const noTag = "(none)"

// names returns the tags in ascending order. Histograms without a tag come first.
func (t Tags) names() (names []string) {
	for _, tag := range slices.Sorted(maps.Keys(t)) {
		if tag == "" {
			tag = noTag
		}
		names = append(names, tag)
	}
	return names
}

// which describes the histograms of a tag, if a log has others.
func (t Tags) which(tag string) string {
	switch {
	case tag != "":
		return " tagged " + tag
	case len(t) > 1:
		return " without a tag (others are tagged " + format.And(t.names()[1:]) + ")"
	}
	return ""
}

// List returns the tags in order. What has no tag is first, and its tag is "".
func (t Tags) List() []TaggedAs {
	all := []TaggedAs{}
	for _, tag := range slices.Sorted(maps.Keys(t)) {
		all = append(all, TaggedAs{tag, t[tag]})
	}
	return all
}

// A TaggedAs is a tag and what a log holds of it.
type TaggedAs struct {
	Tag string `json:"tag"`
	Tagged
}

// Text is a table of the tags.
func (t Tags) Text() string {
	w := format.Table(1, "tag", "histograms", "values")
	names := t.names()
	for i, tag := range slices.Sorted(maps.Keys(t)) {
		w.AppendRow([]any{format.Printable(names[i], ""), format.Count(t[tag].Histograms),
			format.Count(t[tag].Values)})
	}
	return w.Render() + "\n"
}

// Tags returns what a log holds, by tag.
func (r *Reader) Tags(path string) (Tags, error) {
	wrong := fmt.Errorf("%s: not a log of histograms, and only such logs have tags", path)
	if isRun(path) {
		return nil, wrong
	}
	f, err := r.open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if !f.log {
		return nil, wrong
	}
	tags, err := r.intervals(f, func(*hdrlog.Interval) error { return nil })
	if err == nil && len(tags) == 0 {
		err = fmt.Errorf("%s:1: no histogram: want a log that holds some", path)
	}
	return tags, err
}

// intervals calls use for each interval of a log, and counts what the log holds.
func (r *Reader) intervals(f *textFile, use func(*hdrlog.Interval) error) (Tags, error) {
	tags, total := Tags{}, uint64(0)
	err := f.eachLine(func(line string) error {
		if hdrlog.Skips(line) {
			return nil
		}
		i, err := hdrlog.ParseInterval(line)
		if err != nil {
			return err
		}
		t := tags[i.Tag]
		t.Histograms++
		for _, b := range i.Buckets {
			t.Values += b.Count
			if total += b.Count; total > mostCounted {
				return errors.New("more than 2^62 values up to here: want a part of the log")
			}
		}
		tags[strings.Clone(i.Tag)] = t
		return use(i)
	})
	return tags, err
}
