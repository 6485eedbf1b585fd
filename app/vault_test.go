//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// canary is a secret that must not be found anywhere but where it is needed.
type canary struct {
	name, value string
	needles     [][]byte // each gives it away
	// expected says that it must be seen where it is needed, arrived that it was.
	expected, arrived bool
}

// hash is how the teller server notes that it was given the value.
func (c *canary) hash() string {
	sum := sha256.Sum256([]byte(c.value))
	return hex.EncodeToString(sum[:])
}

// vault has all canaries, and looks for them.
type vault struct {
	t  testing.TB
	mu sync.Mutex // protects what follows
	// all are the canaries; given are those that a process with that value of
	// the variable SERVER may have in its environment, or without that variable.
	all   []*canary
	given map[string][]*canary
	found map[string]bool // what was reported already
}

func newVault(t testing.TB) *vault {
	return &vault{t: t, given: map[string][]*canary{}, found: map[string]bool{}}
}

// coded is base64 as most write it.
func coded(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// mint makes a secret. shape puts its random core, which is 24 letters and
// digits, into what a person or a service would call a secret.
func (v *vault) mint(name string, shape func(core string) string) *canary {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	b := make([]byte, 24)
	if _, err := rand.Read(b); err != nil {
		v.t.Fatal(err)
	}
	for i := range b {
		b[i] = letters[int(b[i])%len(letters)]
	}
	core := string(b)
	c := &canary{name: name, value: core}
	if shape != nil {
		c.value = shape(core)
	}
	// Half of it is too much already, and so is a simple disguise.
	c.needles = [][]byte{b[:12], b[12:], []byte(hex.EncodeToString(b[:12])), []byte(hex.EncodeToString(b[12:]))}
	for shift := range 3 {
		coded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + core))
		c.needles = append(c.needles, []byte(coded[4:len(coded)-4]))
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.all = append(v.all, c)
	return c
}

// in returns the canaries that a text gives away.
func (v *vault) in(text []byte) []*canary {
	v.mu.Lock()
	all := v.all
	v.mu.Unlock()
	var out []*canary
	for _, c := range all {
		if slices.ContainsFunc(c.needles, func(n []byte) bool { return bytes.Contains(text, n) }) {
			out = append(out, c)
		}
	}
	return out
}

// leaks returns a sentence for each canary in a text that may have only those.
func (v *vault) leaks(where string, text []byte, may ...*canary) []string {
	var out []string
	for _, c := range v.in(text) {
		if !slices.Contains(may, c) {
			out = append(out, fmt.Sprintf("%s: the secret %q is in it", where, c.name))
		}
	}
	return out
}

// check reports leaks, each once.
func (v *vault) check(where string, text []byte, may ...*canary) {
	v.t.Helper()
	v.report(v.leaks(where, text, may...))
}

func (v *vault) report(leaks []string) {
	v.t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, l := range leaks {
		if !v.found[l] {
			v.found[l] = true
			v.t.Error(l)
		}
	}
}

// files looks through every file below a folder, and at the names.
func (v *vault) files(root string) (leaks []string, count int) {
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil // a side file of the database went away
		}
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path, root)
		leaks = append(leaks, v.leaks("the name "+name, []byte(name))...)
		if !d.Type().IsRegular() {
			return nil
		}
		b, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			return nil
		}
		if err != nil {
			return err
		}
		count++
		leaks = append(leaks, v.leaks("the file "+name, b)...)
		return nil
	})
	if err != nil {
		v.t.Fatal(err)
	}
	return leaks, count
}

// database looks through every value of every table, as a text that is long may
// be spread over the pages of the file.
func (v *vault) database(path string) (leaks []string, values int) {
	d, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: "mode=ro"}).String())
	if err != nil {
		v.t.Fatal(err)
	}
	defer d.Close()
	d.SetMaxOpenConns(1)
	ctx := v.t.Context()
	var tables []string
	names, err := d.QueryContext(ctx, "SELECT name FROM sqlite_master WHERE type = 'table'")
	if err != nil {
		v.t.Fatal(err)
	}
	for names.Next() {
		var name string
		if err := names.Scan(&name); err != nil {
			v.t.Fatal(err)
		}
		tables = append(tables, name)
	}
	if err := names.Close(); err != nil {
		v.t.Fatal(err)
	}
	for _, table := range tables {
		rows, err := d.QueryContext(ctx, fmt.Sprintf("SELECT * FROM %q", table))
		if err != nil {
			v.t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			v.t.Fatal(err)
		}
		for rows.Next() {
			row := make([]any, len(columns))
			for i := range row {
				row[i] = new(sql.RawBytes)
			}
			if err := rows.Scan(row...); err != nil {
				v.t.Fatal(err)
			}
			for i, value := range row {
				values++
				leaks = append(leaks, v.leaks("the table "+table+", column "+columns[i], *value.(*sql.RawBytes))...)
			}
		}
		if err := rows.Close(); err != nil {
			v.t.Fatal(err)
		}
	}
	return leaks, values
}

// processes looks at the arguments and the environment of every process that
// descends from this one.
func (v *vault) processes() (leaks []string, count int) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		v.t.Fatal(err)
	}
	parents := map[int]int{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(filepath.Join("/proc", e.Name(), "stat"))
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := bytes.Cut(stat, []byte(") "))
		var state string
		var parent int
		if _, err := fmt.Sscanf(string(rest), "%s %d", &state, &parent); err == nil {
			parents[pid] = parent
		}
	}
	for pid := range parents {
		own := false
		for up := parents[pid]; up > 1 && !own; up = parents[up] {
			own = up == os.Getpid()
		}
		if !own {
			continue
		}
		arguments, err1 := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		environ, err2 := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if err1 != nil || err2 != nil {
			continue // it has ended
		}
		count++
		what := strings.ReplaceAll(string(arguments[:min(len(arguments), 120)]), "\x00", " ")
		leaks = append(leaks, v.leaks("the arguments of a process ("+what+")", arguments)...)
		v.mu.Lock()
		may := v.given[""]
		for kv := range strings.SplitSeq(string(environ), "\x00") {
			if server, ok := strings.CutPrefix(kv, "SERVER="); ok {
				may = v.given[server]
			}
		}
		v.mu.Unlock()
		leaks = append(leaks, v.leaks("the environment of a process ("+what+")", environ, may...)...)
	}
	return leaks, count
}

// watch looks at the processes until the context ends, and returns how many
// it saw, each as often as it saw it.
func (v *vault) watch(ctx context.Context) int {
	seen := 0
	for ctx.Err() == nil {
		leaks, n := v.processes()
		seen += n
		v.report(leaks)
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	return seen
}

// origin is a service that is given secrets, each in a header of its own.
type origin struct {
	*service
	name string
	may  map[string]*canary // by the name of the header
}

// checkOrigin looks through everything that the service was sent, and returns
// how many requests that are.
func (v *vault) checkOrigin(o *origin) (requests int) {
	v.t.Helper()
	n := len(o.all())
	for i := range n {
		v.report(v.originLeaks(o, i))
	}
	return n
}

// originLeaks looks through one request.
func (v *vault) originLeaks(o *origin, i int) (leaks []string) {
	r := o.all()[i]
	where := fmt.Sprintf("request %d to %s (%s)", i, o.name, r.method)
	leaks = append(leaks, v.leaks(where+", its address", []byte(r.host+r.url))...)
	leaks = append(leaks, v.leaks(where+", its body", r.body)...)
	for name, values := range r.header {
		for _, value := range values {
			c := o.may[name]
			if c == nil {
				leaks = append(leaks, v.leaks(where+", its header "+name, []byte(value))...)
				continue
			}
			leaks = append(leaks, v.leaks(where+", its header "+name, []byte(value), c)...)
			if strings.Contains(value, strings.TrimSpace(c.value)) {
				c.arrived = true
			}
		}
	}
	return leaks
}
