package mcphost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

// Step is one step of a test, as it went.
type Step struct {
	// Name is "resolve", "start", "connect", "initialize" or "list".
	Name string
	OK   bool
	Took time.Duration
	// Words say in a sentence what was found, or what went wrong.
	Words string
}

// Find returns the full path of a program by its bare name, in the folders
// where servers' commands are looked for. The error is a sentence that wraps
// store.ErrNotFound.
func (m *Manager) Find(name string) (string, error) {
	if strings.ContainsAny(name, `/\`) {
		return "", sentence(fmt.Sprintf("%q is no bare name of a program.", name), store.ErrNotFound)
	}
	return find(name, "", "", m.path.list())
}

// Resolve returns the full path of what the server's command would start. It
// reads no secret and starts nothing. The error is a sentence.
func (m *Manager) Resolve(c store.ServerConfig) (string, error) {
	if c.Transport != store.TransportStdio {
		return "", nil
	}
	text := func(s string) (string, error) { return store.ExpandEnv(s, m.path.variable) }
	command, err := text(c.Command)
	if err != nil {
		return "", sentence(upper(err.Error())+".", err)
	}
	if c.Dir, err = text(c.Dir); err != nil {
		return "", sentence(upper(err.Error())+".", err)
	}
	home := homeOf(m.o.Environ())
	dir, err := workDir(c, home)
	if err != nil {
		return "", sentence(upper(err.Error())+".", err)
	}
	own, err := text(string(c.Env["PATH"]))
	if err != nil {
		return "", sentence(upper(err.Error())+".", err)
	}
	folders := slices.DeleteFunc(strings.Split(own, m.path.join([]string{"", ""})), func(s string) bool { return s == "" })
	return find(command, dir, home, append(folders, m.path.list()...))
}

// The measures of asking a program for its version.
const (
	versionLimit = 8 * time.Second
	versionBytes = 4 << 10
)

// Version runs the program at that path with one argument, with the few
// variables that servers inherit and no input, and returns the beginning of
// what it wrote. The caller sees to it that the program is one that may be run.
func (m *Manager) Version(ctx context.Context, path, argument string) (string, error) {
	env, err := m.resolve(ctx, store.ServerConfig{ID: "version", Name: "version", Transport: store.TransportStdio, Command: path}, m.path.join(m.path.list()))
	if err != nil {
		return "", err
	}
	dir, err := workDir(store.ServerConfig{}, homeOf(m.o.Environ()))
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, versionLimit)
	defer cancel()
	t, _ := newTree(m.o.Environ(), boxed{})
	p, err := launch(processSpec{path: path, args: []string{path, argument}, env: env.env, dir: dir}, t)
	if err != nil {
		return "", errors.New(reason(err))
	}
	defer context.AfterFunc(ctx, p.stop)()
	defer p.stop()
	p.stdin.Close()
	var texts [2]string
	done := make(chan struct{})
	go func() {
		defer close(done)
		texts[1] = begin(p.stderr)
	}()
	texts[0] = begin(p.stdout)
	<-done
	if ctx.Err() != nil {
		return "", errors.New("it did not answer in time")
	}
	p.stop()
	text := strings.TrimSpace(texts[0])
	if text == "" {
		text = strings.TrimSpace(texts[1])
	}
	if text == "" {
		return "", errors.New("it " + p.ending())
	}
	return visible(text), nil
}

// begin reads to the end and keeps the beginning.
func begin(r io.ReadCloser) string {
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, versionBytes))
	if err == nil {
		_, err = io.Copy(io.Discard, r)
	}
	if err != nil && len(b) == 0 {
		return ""
	}
	return strings.ToValidUTF8(string(b), "")
}

// Diagnose is Test, and tells each step as it is done, on the caller's
// goroutine.
func (m *Manager) Diagnose(ctx context.Context, c store.ServerConfig, tell func(Step)) Status {
	started := time.Now()
	if c.Transport == store.TransportStdio {
		program, err := m.Resolve(c)
		step := Step{Name: "resolve", OK: err == nil, Took: time.Since(started), Words: fmt.Sprintf("%s is %s.", c.Command, program)}
		if err != nil {
			step.Words = err.Error()
		}
		tell(step)
		if err != nil {
			return Status{Server: c, State: Failed, Error: err.Error(), Since: started}
		}
		started = time.Now()
	}
	s := m.Test(ctx, c)
	took := time.Since(started)
	first := map[store.Transport]string{store.TransportStdio: "start", store.TransportBuiltin: "start"}[c.Transport]
	if first == "" {
		first = "connect"
	}
	if s.State != Ready {
		name := first
		if slices.Contains(s.Log, opened) {
			tell(Step{Name: first, OK: true, Words: "It runs, or answers at its address."})
			tell(Step{Name: "initialize", OK: true, Words: "It speaks the protocol."})
			name = "list"
		} else if slices.ContainsFunc(s.Log, func(line string) bool {
			return strings.Contains(line, "started ") && strings.Contains(line, " as process ")
		}) {
			tell(Step{Name: "start", OK: true, Words: "The program runs."})
			name = "initialize"
		}
		tell(Step{Name: name, Took: took, Words: s.Error})
		return s
	}
	words := "It runs."
	if first == "connect" {
		words = "It answers at its address."
	}
	tell(Step{Name: first, OK: true, Words: words})
	peer := strings.TrimSpace(s.PeerName + " " + s.PeerVersion)
	if peer == "" {
		peer = "something without a name"
	}
	tell(Step{Name: "initialize", OK: true, Words: fmt.Sprintf("It speaks the protocol and calls itself %s.", peer)})
	tell(Step{Name: "list", OK: true, Took: took, Words: fmt.Sprintf("It offers %d tools; all of this took %d ms.", len(s.Tools), s.Took.Milliseconds())})
	return s
}
