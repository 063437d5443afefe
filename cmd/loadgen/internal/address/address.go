// Package address makes scenarios of the URLs of services.
package address

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/bench/grpctarget"
	"github.com/loadgen-go/loadgen/bench/httptarget"
	"github.com/loadgen-go/loadgen/scenarios"
)

// beginsAsURL matches the beginning of a URL. Other schemes than those of services are matched too, so that the error
// is about the scheme.
var beginsAsURL = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]*://|(?i:https?|grpcs?|unix):)`)

// IsURL reports whether an argument is the URL of a service.
func IsURL(arg string) bool { return beginsAsURL.MatchString(arg) }

// notInNames matches what the name of a scenario cannot have.
var notInNames = regexp.MustCompile(`[^A-Za-z0-9._]+`)

// Scenario returns a scenario that calls the service at a URL, for 10 s at 100/s in each of 6 rounds, unless settings
// say otherwise.
func Scenario(url string, settings []scenarios.Setting) (*scenarios.Scenario, error) {
	if beginsAsGRPC.MatchString(url) {
		return ofGRPC(url, settings)
	}
	return ofHTTP(url, settings)
}

// withPort returns an address with some port instead of {{port}}, if a service is started.
func withPort(address string, settings []scenarios.Setting) string {
	if slices.ContainsFunc(settings, func(s scenarios.Setting) bool { return s.Key == scenarios.ServiceKey }) {
		return scenarios.AnyPort(address)
	}
	return address
}

// placeholderError returns the error of a URL with a placeholder that nothing replaces.
func placeholderError(address string) error {
	return fmt.Errorf("%s has a placeholder before its path, and {{port}} is the port of a service that loadgen "+
		"starts: want --service beside it, or the port of a service that runs", address)
}

// ofHTTP returns a scenario of a URL of HTTP. The URL may have placeholders after the host, and a user and a password,
// which become a header.
func ofHTTP(address string, settings []scenarios.Setting) (*scenarios.Scenario, error) {
	base, path := cutTemplate(address)
	anyPort := withPort(base, settings)
	if strings.Contains(anyPort, "{{") {
		return nil, placeholderError(address)
	}
	u, err := url.Parse(anyPort)
	service := fmt.Sprintf("url: %q", base)
	if err == nil && u.User != nil {
		password, _ := u.User.Password()
		token := base64.StdEncoding.EncodeToString([]byte(u.User.Username() + ":" + password))
		base, anyPort = withoutUser(base), withoutUser(anyPort)
		service = fmt.Sprintf("url: %q, headers: {Authorization: %q}", base, "Basic "+token)
	}
	if err := (scenarios.Called{HTTP: &httptarget.Options{URL: anyPort}}).Check(); err != nil {
		return nil, err
	}
	if path != "" {
		service += fmt.Sprintf(", requests: [{path: %q}]", path)
	}
	if anyPort != base { // its port differs from visit to visit
		u.Host = "service"
	}
	return decode(scenarios.HTTPTarget, base, u.Host+u.Path+path, service, settings)
}

// beginsAsGRPC matches the beginning of a URL of gRPC.
var beginsAsGRPC = regexp.MustCompile(`^(?i:grpcs?://|unix:)`)

// ofGRPC returns a scenario of a URL of gRPC: grpc://host:port/METHOD, grpcs://host:port/METHOD for TLS, or
// unix:///path/METHOD of a socket.
func ofGRPC(text string, settings []scenarios.Setting) (*scenarios.Scenario, error) {
	base, method := cutMethod(text)
	anyPort := withPort(base, settings)
	switch {
	case strings.Contains(anyPort, "{{") && scenarios.AnyPort(anyPort) != anyPort:
		return nil, placeholderError(text)
	case method == "":
		return nil, fmt.Errorf("%s has no method: want it after the address, such as %s/shop.Orders/Create", text,
			strings.TrimSuffix(base, "/"))
	case strings.Contains(base, "@") && !strings.HasPrefix(base, "unix:"):
		return nil, fmt.Errorf("the URL has a user, which gRPC does not know: want %s/%s, and metadata with "+
			"-H 'authorization: TOKEN'", withoutUser(base), method)
	}
	called := scenarios.Called{GRPC: &grpctarget.Options{Address: anyPort, Method: method}}
	if err := called.Check(); err != nil {
		return nil, errors.New(strings.ReplaceAll(err.Error(), "requests[0].", ""))
	}
	_, host, _ := strings.Cut(base, ":")
	if anyPort != base { // its port differs from visit to visit
		host = "service"
	}
	return decode(scenarios.GRPCTarget, base, host+"/"+method, fmt.Sprintf("address: %q, method: %q", base, method),
		settings)
}

// cutMethod cuts a URL of gRPC before its method, which is "" if there is none. The path of a socket may have any
// number of parts, and the method after it has two.
func cutMethod(text string) (base, method string) {
	scheme, rest, _ := strings.Cut(text, ":")
	scheme = strings.ToLower(scheme)
	after, _ := strings.CutPrefix(rest, "//")
	cut := strings.Index(after, "/")
	if scheme == "unix" {
		cut = strings.LastIndex(after, "/")
		cut = strings.LastIndex(after[:max(cut, 0)], "/")
	}
	if cut <= 0 {
		return scheme + ":" + rest, ""
	}
	return scheme + "://" + after[:cut], after[cut+1:]
}

// decode returns the scenario of a service at an address: target is its target and the key of its fields, and calls is
// what is called, which gives the name.
func decode(target, address, calls, fields string, settings []scenarios.Setting) (*scenarios.Scenario, error) {
	name := strings.Trim(notInNames.ReplaceAllString(calls, "-"), "-")
	rounds := 6 // the fewest that have intervals
	if slices.ContainsFunc(settings, func(s scenarios.Setting) bool { return s.Key == scenarios.ServiceArms }) {
		rounds = 12 // arms are compared, and six rounds show only large changes
	}
	text := fmt.Appendf(nil, "name: %q\ntarget: %s\n%s: {%s}\nqps: 100\nduration: 10s\nwarmup: 2s\nrounds: %d\n"+
		"quantile: none\n", cmp.Or(name, "service"), target, target, fields, rounds)
	s, err := scenarios.Decode(address, text, settings...)
	var problems scenarios.Problems
	if errors.As(err, &problems) {
		for i := range problems {
			if strings.HasPrefix(problems[i].Where, address+":") {
				problems[i].Where = address // the lines are not the user's
			}
		}
	}
	return s, err
}

// withoutUser returns a URL without its user and password.
func withoutUser(address string) string {
	scheme, rest, _ := strings.Cut(address, "://")
	end := strings.IndexAny(rest+"/", "/?#")
	return scheme + "://" + rest[strings.LastIndex(rest[:end], "@")+1:]
}

// cutTemplate cuts a URL before its path, if it has placeholders there. Otherwise the path is empty.
func cutTemplate(address string) (base, path string) {
	scheme, rest, _ := strings.Cut(address, "://")
	if at := strings.IndexAny(rest, "/?"); at >= 0 && strings.Contains(rest[at:], "{{") {
		return scheme + "://" + rest[:at], rest[at:]
	}
	return address, ""
}
