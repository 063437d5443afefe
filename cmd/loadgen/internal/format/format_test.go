package format_test

import (
	"math"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/golden"
)

var inf, nan = math.Inf(1), math.NaN()

func both(change, interval string) string { return change + ", " + interval }

func TestWhatIsWritten(t *testing.T) {
	percent, number := format.Percent, format.Number
	for name, c := range map[string]struct{ got, want string }{
		"number: nothing":                   {format.Number(0), "0"},
		"number: tiny":                      {format.Number(0.00123), "0.0012"},
		"number: zeros are kept":            {format.Number(1), "1.00"},
		"number: three digits":              {format.Number(12.345), "12.3"},
		"number: rounded up to more digits": {format.Number(9.996), "10.0"},
		"number: rounded up to whole":       {format.Number(99.96), "100"},
		"number: large and negative":        {format.Number(-123456.7), "-123,457"},
		"number: unknown":                   {format.Number(nan), "-"},
		"number: infinite":                  {format.Number(inf), "infinite"},
		"digits: zeros are dropped":         {format.Digits(12.50, 4), "12.5"},
		"digits: more than asked for":       {format.Digits(123456, 4), "123,500"},
		"digits: fewer than the point":      {format.Digits(123, 2), "120"},
		"digits: rounded up to a thousand":  {format.Digits(999.96, 4), "1,000"},
		"digits: infinite":                  {format.Digits(-inf, 4), "-infinite"},
		"count: three digits":               {format.Count(-123), "-123"},
		"count: commas":                     {format.Count(-1234567), "-1,234,567"},
		"count: every digit of the largest": {format.Count(uint64(math.MaxUint64)), "18,446,744,073,709,551,615"},
		"count: no sign of zero":            {format.Count(-0.2), "0"},
		"exact: no exponent":                {format.Exact(1.5e-7), "0.00000015"},
		"plural: none":                      {format.Plural(0, "visit"), "0 visits"},
		"plural: one":                       {format.Plural(1, "visit"), "1 visit"},
		"plural: many":                      {format.Plural(uint64(1000), "visit"), "1,000 visits"},
		"between: one number":               {format.Between(6, 6, "round"), "6 rounds"},
		"between: two numbers":              {format.Between(4, 6, "round"), "4 to 6 rounds"},
		"signed: more":                      {format.Signed(2, number), "+2.00"},
		"signed: less":                      {format.Signed(-2, number), "-2.00"},
		"signed: nothing":                   {format.Signed(0, number), "0"},
		"signed: unknown":                   {format.Signed(nan, percent), "-"},
		"signed: infinite":                  {format.Signed(-inf, percent), "-infinite"},
		"percent: one":                      {format.Percent(0.01), "1.00%"},
		"percent: commas":                   {format.Percent(480.87), "48,087%"},
		"percent: unknown":                  {format.Percent(nan), "-"},
		"change: more":                      {format.Change(0.12), "+12.0%"},
		"change: less":                      {format.Change(-0.005), "-0.50%"},
		"change: almost nothing":            {format.Change(-0.00004), "0%"},
		"rough: two digits":                 {format.Rough(0.784), "78%"},
		"rough: one decimal":                {format.Rough(0.054), "5.4%"},
		"rough: two decimals":               {format.Rough(0.0005), "0.05%"},
		"rough: nothing":                    {format.Rough(0.00001), "0%"},
		"rough: commas":                     {format.Rough(13.98), "1,398%"},
		"rough: nearly all":                 {format.Rough(0.9987), "99.87%"},
		"rough: all":                        {format.Rough(1), "100%"},
		"percent: nearly all":               {format.Percent(0.99987), "99.987%"},
		"change: nearly all":                {format.Change(-0.99987), "-99.987%"},
		"shift: less":                       {format.Shift(-0.79, 0, "%"), "-79%"},
		"shift: nearly all":                 {format.Shift(-0.99874, 0, "%"), "-99.87%"},
		"shift: nearly all, a digit":        {format.Shift(-0.99987, 1, ""), "-99.987"},
		"shift: what -100 rounds from":      {format.Shift(-0.995, 0, "%"), "-99.50%"},
		"shift: what -99 rounds from":       {format.Shift(-0.9949, 0, "%"), "-99%"},
		"shift: all":                        {format.Shift(-1, 2, "%"), "-100.00%"},
		"shift: all but rounding":           {format.Shift(math.Nextafter(-1, 0), 0, "%"), "-100%"},
		"given: as it was set":              {format.Given(0.07), "7%"},
		"given: decimals":                   {format.Given(0.9995), "99.95%"},
		"rate: four digits":                 {format.Rate(41234.5), "41,230/s"},
		"rate: less than one":               {format.Rate(0.5), "0.5/s"},
		"given rate: as it was set":         {format.GivenRate(123456.75), "123,456.75/s"},
		"p: three decimals":                 {format.P(0.00012), "0.000"},
		"p: unknown":                        {format.P(nan), "-"},
		"interval":                          {format.Interval(-0.01, 0.02, format.Change), "[-1.00%, +2.00%]"},
		"within":                            {format.Within(0.185, percent), "±18.5%"},
		"within: unknown":                   {format.Within(nan, percent), "-"},
		"bytes: few":                        {format.Bytes(520), "520 B"},
		"bytes: KiB":                        {format.Bytes(64 << 10), "64.0 KiB"},
		"bytes: MiB":                        {format.Bytes(30 << 20), "30.0 MiB"},
		"bytes: GiB":                        {format.Bytes(2 << 30), "2.00 GiB"},
		"bytes: beyond the prefixes":        {format.Bytes(1 << 60), "1,048,576 TiB"},
		"bytes: unknown":                    {format.Bytes(nan), "-"},
		"micros":                            {format.Micros(1500 * time.Nanosecond), "1.50"},
		"micros: infinite":                  {format.Micros(inf), "infinite"},
		"duration: exact":                   {format.Duration(1500), "1.5µs"},
		"duration: four digits":             {format.Duration(12_345_678), "12.35ms"},
		"duration: less than nothing":       {format.Duration(-12_345_678), "-12.35ms"},
		"duration: minutes":                 {format.Duration(123_456 * time.Millisecond), "2m3.5s"},
		"about: at least a second":          {format.About(time.Millisecond), "1 s"},
		"about: minutes":                    {format.About(6 * time.Minute), "6 min"},
		"about: hours":                      {format.About(100 * time.Minute), "1.7 h"},
		"in a unit: a prefix":               {format.Scaled(1.001e-6, "sec/op"), "1.001µ"},
		"in a unit: beyond the prefixes":    {format.Scaled(1e20, "sec/op"), "1e+20"},
		"in a unit: unknown":                {format.Scaled(nan, "B/op"), "-"},
		"and: none":                         {format.And(nil), ""},
		"and: one":                          {format.And([]string{"a"}), "a"},
		"and: two":                          {format.And([]string{"a", "b"}), "a and b"},
		"and: three":                        {format.And([]string{"a", "b", "c"}), "a, b and c"},
		"list: none":                        {format.List[int](nil), "none"},
		"list: two":                         {format.List([]int{1, 2}), "1, 2"},
		"few names":                         {format.FewNames([]string{"a", "b", "c"}), "a, b, c"},
		"few names: more": {format.FewNames([]string{"a", "b", "c", "d", "e"}),
			"a, b, c and 2 more"},
		"printable: what a terminal acts on":   {format.Printable("\x1b[31mred\u202e\n", ""), "?[31mred??"},
		"printable: what is kept":              {format.Printable("a\n\tb\r", "\n\t"), "a\n\tb?"},
		"argument: a plain path":               {format.Argument("results/a-1"), "results/a-1"},
		"argument: blanks and quotes":          {format.Argument("it's here"), `'it'\''s here'`},
		"argument: what an option begins with": {format.Argument("-dash"), "./-dash"},
		"argument: all of it":                  {format.Argument("-my dash"), "'./-my dash'"},
		"quoted: an option":                    {format.Quoted("--qps"), "--qps"},
		"quoted: nothing":                      {format.Quoted(""), "''"},
		"printable: a joined emoji": {format.Printable("👩\u200d👩\u200d👧 and 🏳️\u200d🌈", ""),
			"👩\u200d👩\u200d👧 and 🏳️\u200d🌈"},
		"printable: a joined tone of skin": {format.Printable("👩🏽\u200d🚀", ""), "👩🏽\u200d🚀"},
		"printable: a joined mark":         {format.Printable("क्\u200dष", ""), "क्\u200dष"},
		"printable: a joiner that joins nothing": {format.Printable("\u200da\u200db 👩\u200d\x1b👩\u200d 👩\u200d", ""),
			"?a?b 👩??👩? 👩?"},
		"printable: bytes that are no text":    {format.Printable("a\xffb", ""), "a\ufffdb"},
		"markdown":                             {format.Markdown("a_b <i> [x](y)\n"), `a\_b &lt;i&gt; \[x\](y)?`},
		"cut: it fits":                         {format.Cut("abc", 3), "abc"},
		"cut: wide runes":                      {format.Cut("生命生命", 5), "生命…"},
		"cut: combining runes take no columns": {format.Cut("e\u0301e\u0301e\u0301", 3), "e\u0301e\u0301e\u0301"},
		"tail: it fits":                        {format.Tail("abc", 3), "abc"},
		"tail: the end":                        {format.Tail("abcdef", 4), "…def"},
		"tail: wide runes":                     {format.Tail("生命生命", 5), "…生命"},
		"wrap: words":                          {format.Wrap("- aa bb cc", 7, "  "), "- aa bb\n  cc\n"},
		"wrap: columns and not bytes":          {format.Wrap("µµ µµ µµ", 8, ""), "µµ µµ µµ\n"},
		"wrap: wide runes":                     {format.Wrap("生命 生命", 8, ""), "生命\n生命\n"},
		"wrap: a long word":                    {format.Wrap("abcdef gh", 3, " "), "abcdef\n gh\n"},
		"wrap: line breaks and blanks":         {format.Wrap("  a\n\nb", 80, "    "), "  a\n\n    b\n"},
		"wrap: control characters":             {format.Wrap("a\x1bb\rc", 80, ""), "a?b c\n"},
		"TSV: a tab in a field": {format.TSV([][]string{{"a", "b"}, {"c\td", "e\n"}}),
			"a\tb\nc d\te \n"},
		"time: ns":                          {format.Time(412), "412 ns"},
		"time: µs":                          {format.Time(1_770), "1.77 µs"},
		"time: rounded up to the next unit": {format.Time(999_960), "1.00 ms"},
		"time: infinite":                    {format.Time(inf), "infinite"},
		"time: unknown":                     {format.Time(nan), "-"},
		"changes: per cent":                 {both(format.Changes(-0.786, -0.791, -0.783)), "−79%, −79% to −78%"},
		"changes: digits that tell ends apart": {both(format.Changes(-0.8, -0.8001, -0.7989)),
			"−80%, −80.0% to −79.9%"},
		"changes: ends that are equal": {both(format.Changes(-0.8, -0.8, -0.8)), "−80%, −80% to −80%"},
		"changes: below ten per cent":  {both(format.Changes(-0.048, -0.35, 0.22)), "−4.8%, −35% to +22%"},
		"changes: nothing":             {both(format.Changes(0, -0.0001, 0.0004)), "0%, −0.01% to +0.04%"},
		"changes: nearly all": {both(format.Changes(-0.99874, -0.99876, -0.99873)),
			"−99.87%, −99.88% to −99.87%"},
		"changes: all but rounding": {both(format.Changes(math.Nextafter(-1, 0), -1, -1)),
			"−100%, −100% to −100%"},
		"changes: all":           {both(format.Changes(-1, -1, -1)), "−100%, −100% to −100%"},
		"changes: factors":       {both(format.Changes(1.04, 0.5, 1.9)), "×2.0, ×1.5 to ×2.9"},
		"changes: large factors": {both(format.Changes(14, 13.96, 13.99)), "×15, ×14.96 to ×14.99"},
		"changes: very large factors": {both(format.Changes(1e6-1, 1e6, 2e6)),
			"×1,000,000, ×1,000,001 to ×2,000,001"},
		"changes: unknown": {both(format.Changes(nan, nan, nan)), "-, "},
	} {
		t.Run(name, func(t *testing.T) {
			if c.got != c.want {
				t.Errorf("%q, want %q", c.got, c.want)
			}
		})
	}
}

// A joiner takes no column: a text has the width of its characters.
func TestAJoinerHasNoWidth(t *testing.T) {
	for text, want := range map[string]int{"👩\u200d👩\u200d👧": 6, "🏳\ufe0f\u200d🌈": 4, "a\u200db": 3} {
		if got := format.Width(format.Printable(text, "")); got != want {
			t.Errorf("%q has %d columns, want %d", text, got, want)
		}
	}
}

func TestATableAlignsColumnsOfATerminal(t *testing.T) {
	table := format.Table(1, "name", "n", "µs")
	table.AppendRow([]any{"生命", 1, "1.50"})
	table.AppendRow([]any{"e\u0301", 1000, "12.3"})
	golden.Check(t, "table.txt", table.Render()+"\n")
}

func TestNamesAreCutInTheMiddle(t *testing.T) {
	for name, row := range map[string]struct {
		text  string
		width int
		want  string
	}{
		"as it is":        {"pooled", 6, "pooled"},
		"longer":          {"pooled-by-value", 9, "pool…alue"},
		"one column":      {"pooled", 1, "…"},
		"wide characters": {"世界世界世界", 7, "世界…界"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := format.Middle(row.text, row.width); format.Width(got) > row.width || got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}
