package cli

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/bench/httptarget"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/visit"
	"github.com/loadgen-go/loadgen/internal/spelling"
	"github.com/loadgen-go/loadgen/scenarios"
	"github.com/loadgen-go/loadgen/scenarios/services/shop"
)

// serviceFlags are the flags about a service, in the order of help texts.
var serviceFlags = []string{"method", "data", "header", "http", "expect", "connections", "insecure", "unix-socket",
	noVerify}

// noVerify is the flag that leaves out the first request of each kind.
const noVerify = "no-verify"

// protocols are the values of --http.
var protocols = []string{httptarget.Auto, httptarget.HTTP1, httptarget.H2, httptarget.H2C}

// addService adds the flags about a service to a command. They change the scenario that the command loads.
func addService(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringP("method", "X", "", "`Method` of the request (default GET, or POST with --data).")
	f.StringP("data", "d", "", "`Body` of the request: text, in which placeholders such as {{uuid}} are replaced, or "+
		"@FILE, which is sent as it is.")
	f.StringArrayP("header", "H", nil, "A `header` of all requests, such as 'Content-Type: application/json'; can be "+
		"repeated.")
	f.String("http", "", "`Protocol`: "+strings.Join(protocols, ", ")+" (default auto: HTTP/1.1, or over TLS what "+
		"the server prefers).")
	f.StringSlice("expect", nil, "Good `statuses`, in a comma-separated list; a call with another one fails (default "+
		"all below 400).")
	f.Int("connections", 0, "Connections that are opened before the first call (default 16).")
	f.Bool("insecure", false, "Accept any certificate of the server.")
	f.String("unix-socket", "", "Connect to the socket at this `path`, whatever the host of the URL.")
	f.Bool(noVerify, false, "Do not send one request of each kind first, to check its answer.")
	group(cmd, groupService, serviceFlags...)
	complete(cmd, "method", oneOf("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"))
	complete(cmd, "http", oneOf(protocols...))
	complete(cmd, "unix-socket", filesOf(anyFile))
	for _, name := range []string{"data", "header", "expect", "connections"} {
		complete(cmd, name, oneOf())
	}
}

// isURL reports whether an argument is the URL of a service.
func isURL(arg string) bool {
	return strings.HasPrefix(arg, "http://") || strings.HasPrefix(arg, "https://")
}

// notInNames matches what the name of a scenario cannot have.
var notInNames = regexp.MustCompile(`[^A-Za-z0-9._]+`)

// serviceAt returns a scenario that calls the service at a URL.
func serviceAt(address string, settings []scenarios.Setting) (*scenarios.Scenario, error) {
	anyPort := scenarios.AnyPort(address)
	if err := (httptarget.Options{URL: anyPort}).Check(); err != nil {
		return nil, errors.New(strings.ReplaceAll(err.Error(), "httptarget: ", ""))
	}
	u, err := url.Parse(anyPort)
	if err != nil {
		return nil, err
	}
	if anyPort != address { // its port differs from visit to visit
		u.Host = "service"
	}
	name := strings.Trim(notInNames.ReplaceAllString(u.Host+u.Path, "-"), "-")
	text := fmt.Appendf(nil, "name: %q\ntarget: http\nhttp: {url: %q}\nqps: 100\nduration: 10s\nwarmup: 2s\n"+
		"rounds: 6\nquantile: none\n", cmp.Or(name, "service"), address)
	return scenarios.Decode(address, text, settings...)
}

// setService sets what the flags of a command say about the service of a scenario.
func setService(cmd *cobra.Command, s *scenarios.Scenario) error {
	var given []string
	for _, name := range serviceFlags {
		if f := cmd.Flags().Lookup(name); f != nil && f.Changed {
			given = append(given, name)
		}
	}
	switch {
	case len(given) == 0:
		return nil
	case s.HTTP == nil:
		return fmt.Errorf("--%s is about a service: want a URL instead of a scenario, or a scenario with target: http",
			strings.Join(given, ", --"))
	}
	o := *s.HTTP
	var errs []error
	for _, name := range given {
		if err := setServiceFlag(cmd, name, &o); err != nil {
			errs = append(errs, fmt.Errorf("--%s: %w", name, err))
		}
	}
	s.HTTP = &o
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	if err := s.CheckHTTP(); err != nil {
		return errors.New(strings.ReplaceAll(err.Error(), "httptarget: ", ""))
	}
	return nil
}

// setServiceFlag sets what a flag says.
func setServiceFlag(cmd *cobra.Command, name string, o *httptarget.Options) (err error) {
	f := cmd.Flags()
	text := f.Lookup(name).Value.String()
	switch name {
	case "header":
		lines, err := f.GetStringArray(name)
		if err != nil {
			return err
		}
		return addHeaders(o, lines)
	case "connections":
		if o.Connections, err = f.GetInt(name); err == nil && o.Connections < 1 {
			err = fmt.Errorf("%d is out of range: want 1 or more", o.Connections)
		}
		if o.MaxConnections > 0 {
			o.MaxConnections = max(o.MaxConnections, o.Connections)
		}
		return err
	case noVerify:
		return nil
	case "insecure":
		o.TLS.Insecure, err = f.GetBool(name)
		return err
	}
	if text == "" || text == "[]" {
		return errors.New("it is empty: want a value")
	}
	switch name {
	case "http":
		if !slices.Contains(protocols, text) {
			return fmt.Errorf("%q is unknown: want one of %s", text, strings.Join(protocols, ", "))
		}
		o.Protocol = text
		return nil
	case "unix-socket":
		o.UnixSocket = text
		return nil
	}
	r, err := onlyRequest(o)
	if err != nil {
		return err
	}
	switch name {
	case "method":
		r.Method = text
	case "data":
		r.Body = bodyOf(text)
	case "expect":
		statuses, err := f.GetStringSlice(name)
		if err != nil {
			return err
		}
		r.Expect.Status, err = statusesOf(statuses)
		return err
	}
	return nil
}

// onlyRequest returns a copy of the only request of a service, which the copy replaces.
func onlyRequest(o *httptarget.Options) (*httptarget.Request, error) {
	if n := len(o.Requests); n > 1 {
		return nil, fmt.Errorf("the scenario has %d requests: want it in the file, where it belongs to one of them", n)
	}
	requests := make([]httptarget.Request, 1)
	copy(requests, o.Requests)
	o.Requests = requests
	return &requests[0], nil
}

// bodyOf returns the body that --data gives.
func bodyOf(text string) httptarget.Body {
	if file, ok := strings.CutPrefix(text, "@"); ok {
		return httptarget.Body{File: file}
	}
	return httptarget.Body{Text: text}
}

// addHeaders adds the headers of lines such as Name: value. They replace the headers of the scenario.
func addHeaders(o *httptarget.Options, lines []string) error {
	headers := map[string]string{}
	for name, value := range o.Headers {
		headers[name] = value
	}
	for _, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return fmt.Errorf("%q is no header: want one such as 'Content-Type: application/json'", line)
		}
		for have := range headers {
			if strings.EqualFold(have, name) {
				delete(headers, have)
			}
		}
		headers[name] = strings.TrimSpace(value)
	}
	o.Headers = headers
	return nil
}

// statusesOf returns the statuses that --expect lists.
func statusesOf(texts []string) (statuses []int, err error) {
	for _, text := range texts {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < 200 || n > 999 {
			return nil, fmt.Errorf("%q is no status: want a list of numbers from 200 to 999, such as 200,201", text)
		}
		statuses = append(statuses, n)
	}
	return statuses, nil
}

// serviceLine describes a service: its requests, its connections and the protocol.
func serviceLine(o *httptarget.Options) string {
	return fmt.Sprintf("%s, %s of request, %s, protocol %s", o.URL, format.Plural(max(len(o.Requests), 1), "kind"),
		format.Plural(cmp.Or(o.Connections, httptarget.DefaultConnections), "connection"),
		cmp.Or(o.Protocol, httptarget.Auto))
}

// verify sends one request of each kind to the service of a scenario, and returns the answers; nil if the scenario
// calls no service, or --no-verify is given. Its error is that of the command: it lists the answers that are not as
// expected.
func verify(cmd *cobra.Command, s *scenarios.Scenario, provided visit.Provided) ([]visit.FirstAnswer, error) {
	without, err := cmd.Flags().GetBool(noVerify)
	if err != nil {
		return nil, unusable(err)
	}
	if s.HTTP == nil || without {
		return nil, nil
	}
	answers, err := visit.FirstAnswers(cmd.Context(), s, provided)
	switch {
	case cmd.Context().Err() != nil:
		return nil, &exitError{exitInterrupted, errors.New("interrupted before the service had answered")}
	case err != nil:
		return nil, unusable(fmt.Errorf("%w (--no-verify does not call it first)", err))
	}
	var wrong []string
	for _, a := range answers {
		if a.Err != nil {
			wrong = append(wrong, fmt.Sprintf("the first answer of %s to %s is not as expected: %v",
				strings.TrimSuffix(s.HTTP.URL+", arm "+a.Arm, ", arm "), a.Request, a.Err))
		}
	}
	if len(wrong) > 0 {
		return answers, unusable(fmt.Errorf("%s\nCorrect the requests or what is expected of them, or run all the "+
			"same with --no-verify", strings.Join(wrong, "\n")))
	}
	return answers, nil
}

// answerTable returns a table of the first answers, or "" if there are none.
func answerTable(answers []visit.FirstAnswer, screen *terminal.Screen) string {
	if len(answers) == 0 {
		return ""
	}
	t := terminal.NewTable(terminal.Column{Title: "request"}, terminal.Column{Title: "status"},
		terminal.Column{Title: "bytes"}, terminal.Column{Title: "us"})
	for _, a := range answers {
		status := format.None
		if a.Status > 0 {
			status = strconv.Itoa(a.Status)
		}
		t.Row(strings.TrimPrefix(a.Arm+": "+a.Request, ": "), status, format.Count(a.Size), format.Micros(a.Took))
	}
	return "\n" + screen.Wrap("The first answer to each kind of request", "") + "\n" + screen.Blocks(t)
}

// newSample returns the hidden command that serves the sample services. Scenarios about services start this program
// with it, so that they run in any directory, and without a Go toolchain.
func newSample() *cobra.Command {
	sample := &cobra.Command{
		Use:    "sample",
		Short:  "Serve a sample service, to put under load",
		Hidden: true,
	}
	sample.AddCommand(&cobra.Command{
		Use:                "shop",
		Short:              "Serve a catalogue and orders, with spans made as SPANS says",
		Hidden:             true,
		DisableFlagParsing: true, // the service has its own flags and help
		RunE: func(cmd *cobra.Command, args []string) error {
			return unusable(shop.Main(cmd.Context(), args, cmd.OutOrStdout(), cmd.ErrOrStderr()))
		},
	})
	names := []string{"shop"}
	list := strings.Join(names, ", ")
	sample.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return unusable(fmt.Errorf("sample: the name of a service is missing: want one of %s", list))
		}
		return unusable(fmt.Errorf("sample: %q is no service: want one of %s%s", args[0], list,
			spelling.Meant(args[0], names)))
	}
	return sample
}
