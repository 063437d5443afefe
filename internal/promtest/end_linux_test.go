package promtest_test

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/internal/promtest"
)

// asParent is the variable that makes this test the one that is killed.
const asParent = "PROMTEST_PARENT"

// A server ends with the process of its test, which may be killed or take too long.
func TestAServerDoesNotOutliveItsTest(t *testing.T) {
	if os.Getenv(asParent) != "" {
		fmt.Println("\n" + promtest.Start(t, "").URL)
		select {} // until it is killed
	}
	promtest.Promtool(t, "", nil, "--version") // or the test is skipped
	parent := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	parent.Env = append(os.Environ(), asParent+"=1")
	out, err := parent.StdoutPipe()
	if err == nil {
		err = parent.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	url := ""
	for lines := bufio.NewScanner(out); !strings.HasPrefix(url, "http://") && lines.Scan(); url = lines.Text() {
	}
	ready := func() bool {
		response, err := http.Get(url + "/-/ready")
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	}
	await(t, "the server is not ready", ready)
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // it was killed
	await(t, "the server outlives its test", func() bool { return !ready() })
}

// await waits until done, and fails the test if that takes a minute.
func await(t *testing.T, otherwise string, done func() bool) {
	t.Helper()
	over := time.After(time.Minute)
	for tick := time.Tick(20 * time.Millisecond); !done(); {
		select {
		case <-tick:
		case <-over:
			t.Fatal(otherwise)
		}
	}
}
