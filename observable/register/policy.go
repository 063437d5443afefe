package register

import (
	"fmt"
	"slices"
	"strings"
)

// A Kind says what a registered function is for, and so which [Policy] holds for it. The
// zero Kind is invalid.
type Kind int

const (
	HTTPHandler Kind = iota + 1
	DBDriver
	CustomSpan
	kinds
)

// String returns the name of the kind, such as "HTTP handler".
func (k Kind) String() string {
	if p, known := k.Policy(); known {
		return p.Name
	}
	return fmt.Sprintf("Kind(%d)", int(k))
}

// A Conflict is what happens when a name is registered again.
type Conflict int

const (
	Overrides Conflict = iota // the later registration holds, and Register returns both
	Refuses                   // the earlier registration holds
	Merges                    // the later function holds, with the attributes of both
)

// A Policy is how the registrations of a kind are governed.
type Policy struct {
	Name string // of the kind
	// Signatures are the types that a function may have, with the paths of packages and
	// without names of parameters, such as "func(context.Context) error".
	Signatures []string
	// AnyResults takes functions whose parameters are those of a signature: results are
	// not compared, and the type may have a name.
	AnyResults bool
	Conflict   Conflict
	Single     bool // a registry holds one registration, whatever its name
	Freezes    bool // a frozen registry takes no more
}

// policies is the whole of the governance: the code has no other case by kind.
var policies = [kinds]Policy{
	HTTPHandler: {
		Name:       "HTTP handler",
		Signatures: []string{"func(net/http.ResponseWriter, *net/http.Request)", "net/http.HandlerFunc"},
		Conflict:   Overrides,
		Single:     true,
	},
	DBDriver: {
		Name:       "DB driver",
		Signatures: []string{"func(context.Context) error"},
		Conflict:   Refuses,
		Freezes:    true,
	},
	CustomSpan: {
		Name:       "custom span",
		Signatures: []string{"func()", "func(context.Context)"},
		AnyResults: true,
		Conflict:   Merges,
	},
}

// Policy returns the policy of k, and whether k is a known kind. The caller must not change
// its signatures.
func (k Kind) Policy() (Policy, bool) {
	if k <= 0 || k >= kinds {
		return Policy{}, false
	}
	return policies[k], true
}

// Takes reports whether p takes a function of the type typ, whose underlying type is
// underlying. Both are written as in Signatures. Programs that check source code call it
// with the types of the compiler.
func (p Policy) Takes(typ, underlying string) bool {
	if !p.AnyResults {
		return slices.Contains(p.Signatures, typ)
	}
	return slices.ContainsFunc(p.Signatures, func(s string) bool {
		return underlying == s || strings.HasPrefix(underlying, s+" ")
	})
}

// Wants returns the types that p takes, as a part of an error.
func (p Policy) Wants() string {
	wants := strings.Join(p.Signatures, " or ")
	if p.AnyResults {
		wants += ", with any results"
	}
	return wants
}
