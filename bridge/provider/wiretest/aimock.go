package wiretest

import (
	"bufio"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// ServeAimock starts a model server of others, which speaks all formats and
// answers from a file of its own kind, and returns its address. It ends with the
// test. modules is the folder of the npm packages that the tests use.
func ServeAimock(t testing.TB, modules, fixtures string) string {
	t.Helper()
	cmd := exec.Command("node", filepath.Join(modules, "@copilotkit", "aimock", "dist", "cli.js"),
		"--port", "0", "--strict", "--journal-max", "1", "--fixtures", fixtures)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v; make test installs Node and the packages", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended by itself
		_ = cmd.Wait()
	})
	address := regexp.MustCompile(`listening on (http://127\.0\.0\.1:\d+)`)
	found := make(chan string, 1)
	go func() {
		defer close(found)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if m := address.FindStringSubmatch(lines.Text()); m != nil {
				found <- m[1]
			}
		}
	}()
	select {
	case url := <-found:
		if url == "" {
			t.Fatal("the model server ended before it listened; make test installs it")
		}
		return url
	case <-time.After(time.Minute):
		t.Fatal("the model server does not listen")
	}
	return ""
}
