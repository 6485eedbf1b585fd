//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/app/control"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

// canaries are the secrets of a test with everything that they go through: a
// home with its owner in this process, commands that are its clients, services
// and servers.
type canaries struct {
	*testing.T
	*vault
	p       *place
	b       *bridge.Bridge
	e       *engine
	stop    func()
	origins []*origin
	// chatters are the models that use tools.
	chatters []*origin
}

// TestCanaries sends secrets through everything that takes one, and looks for
// them everywhere but where they are needed.
func TestCanaries(t *testing.T) {
	p := newPlace(t)
	p.withKeychain()
	c := &canaries{T: t, vault: newVault(t), p: p}
	p.heard = func(line, stdout, stderr string) {
		c.vault.check("what `"+line+"` printed", []byte(stdout+"\n"+stderr))
	}
	// What stands in the environment of the program itself is for no server; the
	// person's login shell, which is asked for its PATH, has it too.
	c.given[""] = []*canary{c.mint("the program's environment", nil), c.mint("NODE_OPTIONS", nil)}
	t.Setenv("OPENAI_API_KEY", c.given[""][0].value)
	t.Setenv("NODE_OPTIONS", c.given[""][1].value)

	ctx, stop := context.WithCancel(t.Context())
	watched := make(chan int, 1)
	go func() { watched <- c.watch(ctx) }()

	c.open()
	for _, flow := range []struct {
		name string
		run  func()
	}{
		{"servers as programs", c.stdioServers}, {"servers at addresses", c.httpServers}, {"addresses", c.addresses},
		{"providers", c.providers}, {"failing providers", c.failing}, {"formats", c.formats}, {"turns", c.turns},
		{"looks", func() { c.looks("while it runs") }}, {"removals", c.removals},
		{"the end", func() { c.looks("after removals"); c.stop(); c.looks("after the end") }},
		{"passphrase", c.passphrase},
	} {
		started := time.Now()
		flow.run()
		t.Logf("%s: %v", flow.name, time.Since(started).Round(time.Millisecond))
	}

	stop()
	if n := <-watched; n < 20 {
		t.Errorf("only %d processes were looked at", n)
	}
	requests := 0
	for _, o := range c.origins {
		requests += c.checkOrigin(o)
	}
	var missed []string
	for _, one := range c.all {
		if one.expected && !one.arrived {
			missed = append(missed, one.name)
		}
	}
	if len(missed) > 0 {
		t.Errorf("these never arrived where they are needed: %q", missed)
	}
	if len(c.all) < 50 {
		t.Errorf("%d secrets, want 50", len(c.all))
	}
	t.Logf("%d secrets, %d requests", len(c.all), requests)
}

// open makes this process the owner of the place, as a window does.
func (c *canaries) open() {
	c.Helper()
	c.Setenv("DBUS_SESSION_BUS_ADDRESS", "") // unless the place has one
	for _, kv := range c.p.env {
		name, value, _ := strings.Cut(kv, "=")
		c.Setenv(name, value)
	}
	h, err := openHome()
	if err != nil {
		c.Fatal(err)
	}
	owner, _, err := control.Join(c.Context(), h.dir, control.Options{Version: version(), Role: roleWindow, Logger: h.logger})
	if err != nil || owner == nil {
		c.Fatalf("own the home: %v, %v", owner, err)
	}
	c.e = newEngine(h, startAll)
	if c.b, err = c.e.open(c.Context()); err != nil {
		c.Fatal(err)
	}
	serving := serve(context.WithoutCancel(c.Context()), owner, c.e)
	stopped := false
	c.stop = func() {
		if stopped {
			return
		}
		stopped = true
		var said bytes.Buffer
		err := serving.stop()
		c.e.close(&said)
		if err := errors.Join(err, owner.Close()); err != nil || said.Len() > 0 {
			c.Errorf("while closing: %v, %q", err, said.String())
		}
	}
	c.Cleanup(c.stop)
}

// typed runs a command line of this process, whose arguments others do not see.
func (c *canaries) typed(args ...string) ended {
	c.Helper()
	var stdout, stderr bytes.Buffer
	s := &control.Session{
		Args: args, Dir: c.p.root, Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Peer: control.Peer{PID: os.Getpid()},
		ReadSecret: func(context.Context, string) (store.Secret, error) { return store.Secret{}, control.ErrNoInput },
	}
	e := ended{strings.Join(args, " "), stdout.String(), stderr.String(), execute(c.Context(), s, c.e)}
	e.stdout, e.stderr = stdout.String(), stderr.String()
	c.vault.check("what `"+args[0]+" "+args[1]+"` printed", []byte(e.stdout+"\n"+e.stderr))
	return e
}

// looks searches everything that the program keeps, and what a window shows.
func (c *canaries) looks(when string) {
	c.Helper()
	leaks, files := c.files(c.p.root)
	if files < 4 {
		c.Errorf("%s: only %d files", when, files)
	}
	more, values := c.database(filepath.Join(c.p.home, "drawbridge.db"))
	if values == 0 {
		c.Errorf("%s: the database is empty", when)
	}
	for _, l := range append(leaks, more...) {
		c.report([]string{when + ": " + l})
	}
	c.exported(when)
	for _, s := range c.b.Servers() {
		shown, err := json.Marshal(s)
		if err != nil {
			c.Error(err)
		}
		c.vault.check(when+": what a window shows of the server "+s.Server.Name, fmt.Appendf(shown, "%+v %q", s, c.b.ServerLog(s.Server.ID)))
	}
	shown, err := json.Marshal([]any{c.b.Settings(), c.b.Problems(), c.b.Providers()})
	if err != nil {
		c.Error(err)
	}
	c.vault.check(when+": what a window shows of the settings", shown)
}

// teller returns the flags of a server that tells its secrets, and its record.
func (c *canaries) teller(name string, secrets ...*canary) (env map[string]string, record string) {
	record = filepath.Join(c.p.root, "record-"+name)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.given[name] = secrets
	return map[string]string{"SERVER": name, "RECORD": record}, record
}

// got demands that a server was given its secrets.
func (c *canaries) got(record string, secrets ...*canary) {
	c.Helper()
	b, err := os.ReadFile(record)
	if err != nil {
		c.Error(err)
	}
	for _, s := range secrets {
		if s.arrived = strings.Contains(string(b), s.hash()); !s.arrived {
			c.Errorf("the secret %q did not reach its server", s.name)
		}
		s.expected = true
	}
}

// ready waits until the server's tools are listed.
func (c *canaries) ready(id string) {
	c.Helper()
	if err := c.b.SettleServers(c.Context(), id); err != nil {
		c.Fatal(err)
	}
	v, err := c.b.Server(id)
	if err != nil || v.State != mcphost.Ready {
		c.Fatalf("the server %s is %s: %s %q (%v)", id, v.State, v.Error, v.Log, err)
	}
}

// failed waits until a start of the server has failed.
func (c *canaries) failed(id string) {
	c.Helper()
	e := c.p.run("", "servers", "test", id)
	if e.code != exitError || e.stderr == "" {
		c.Errorf("it should have failed: %v", e)
	}
}

func (c *canaries) stdioServers() {
	quoted := func(core string) string { return `p"q\r<` + core + `>&é'` }
	long := func(core string) string { return strings.Repeat("0123456789", 250) + core } // goes into a sealed file
	key := func(core string) string {
		return "-----BEGIN PRIVATE KEY-----\n" + core + "\n" + core[12:] + core[:12] + "\n-----END PRIVATE KEY-----\n"
	}

	// Typed on the command line.
	told := []*canary{c.mint("teller A", nil), c.mint("teller B", quoted), c.mint("teller C", long)}
	env, record := c.teller("teller", told...)
	c.p.must(told[0].value+"\n"+told[1].value+"\n"+told[2].value+"\n", "servers", "add", "teller",
		"--secret-env", "TOLD_A", "--secret-env", "TOLD_B", "--secret-env", "TOLD_C",
		"--env", "SERVER="+env["SERVER"], "--env", "RECORD="+record, "--", "teller-mcp", "an argument")
	c.ready("teller")
	c.got(record, told...)
	if sealed, err := filepath.Glob(filepath.Join(c.p.home, "sealed", "*")); err != nil || len(sealed) != 1 {
		c.Errorf("the long secret is not in a sealed file: %v, %v", sealed, err)
	}
	c.p.must("", "servers", "test", "teller")

	// Pasted from a README, one of the servers not approved.
	pasted := []*canary{
		c.mint("pasted token", func(s string) string { return "ghp_" + s }), c.mint("pasted key", key),
		c.mint("pasted, known by its look", func(s string) string { return "sk-" + s }),
	}
	env, record = c.teller("pasted", pasted...)
	held := c.mint("of a server that is not approved", nil)
	text, err := json.Marshal(object{"mcpServers": object{
		"pasted": object{"command": "teller-mcp", "env": object{
			"SERVER": env["SERVER"], "RECORD": record,
			"TOLD_TOKEN": pasted[0].value, "TOLD_PRIVATE_KEY": pasted[1].value, "TOLD_PLAIN": pasted[2].value,
		}},
		"held": object{"command": "teller-mcp", "env": object{"RECORD": record + "-held", "TOLD_SECRET": held.value}},
	}})
	if err != nil {
		c.Fatal(err)
	}
	drafts, problems, err := c.b.Drafts(text)
	if err != nil || len(drafts) != 2 {
		c.Fatalf("%d drafts, %q, %v", len(drafts), problems, err)
	}
	for _, d := range drafts {
		c.vault.check("a draft as it is shown", fmt.Appendf(nil, "%+v %#v %q", d.Config, d.Secrets, d.Notes))
		if _, err := c.b.AddServer(c.Context(), d, d.Config.Name == "pasted"); err != nil {
			c.Fatal(err)
		}
	}
	c.ready("pasted")
	c.got(record, pasted...)
	if _, err := os.Stat(record + "-held"); !os.IsNotExist(err) {
		c.Errorf("the server that is not approved ran (%v)", err)
	}

	// A secret that has a name of its own, within a longer value.
	part := c.mint("part of a value", func(s string) string { return "%" + s + "+/" })
	c.p.must(part.value+"\n", "secret", "set", "dbpass")
	env, record = c.teller("mixed", part)
	whole := &canary{name: part.name, value: "postgres://me:" + part.value + "@localhost/db"}
	d := setup.Draft{Config: store.ServerConfig{Name: "mixed", Transport: store.TransportStdio, Command: "teller-mcp", Env: map[string]store.Value{
		"SERVER": store.Value(env["SERVER"]), "RECORD": store.Value(record), "TOLD_URL": "postgres://me:${secret:dbpass}@localhost/db",
	}}}
	if _, err := c.b.AddServer(c.Context(), d, true); err != nil {
		c.Fatal(err)
	}
	c.ready("mixed")
	c.got(record, whole)
	part.expected, part.arrived = whole.expected, whole.arrived

	// Servers that never work.
	for _, mode := range []string{"garbage", "exit"} {
		one := c.mint("of a server that cannot start: "+mode, nil)
		env, record := c.teller(mode, one)
		c.p.must(one.value+"\n", "servers", "add", mode, "--env", "SERVER="+env["SERVER"], "--env", "RECORD="+record,
			"--env", "MODE="+mode, "--secret-env", "TOLD_A", "--", "teller-mcp")
		c.failed(mode)
		c.got(record, one)
		c.p.must("", "servers", "remove", mode)
	}

	// A value that is renewed.
	before, after := c.mint("before it was renewed", nil), c.mint("renewed", nil)
	env, record = c.teller("renewed", before, after)
	d = setup.Draft{Config: store.ServerConfig{ID: "renewed", Name: "renewed", Transport: store.TransportStdio, Command: "teller-mcp"}}
	for _, one := range []*canary{before, after} {
		d.Config.Env = map[string]store.Value{"SERVER": store.Value(env["SERVER"]), "RECORD": store.Value(record), "TOLD_A": store.Value(one.value)}
		d.Secrets = nil
		d.MakeSecret("env", "TOLD_A")
		if one == before {
			_, err = c.b.AddServer(c.Context(), d, true)
		} else if err = c.b.UpdateServer(c.Context(), "renewed", d, true); err == nil {
			err = c.b.RestartServer("renewed")
		}
		if err != nil {
			c.Fatal(err)
		}
		c.ready("renewed")
		c.got(record, one)
	}

	// Refused, with the value read already.
	taken, wrong := c.mint("of a name that is taken", nil), c.mint("of a variable with a bad name", nil)
	c.p.refused(taken.value+"\n", []string{"already"}, "servers", "add", "teller", "--secret-env", "TOLD_X", "--", "teller-mcp")
	c.p.refused(wrong.value+"\n", []string{"no name"}, "servers", "add", "wrong", "--secret-env", "TO LD", "--", "teller-mcp")
	if refs := c.p.must("", "secret", "list"); strings.Contains(refs, "TOLD_X") || strings.Contains(refs, "wrong") {
		c.Errorf("a refused server's secret was kept: %s", refs)
	}
}

// addresses are typed with a password in them. None is taken, and none is
// repeated.
func (c *canaries) addresses() {
	for _, shape := range []string{"http://me:%s@127.0.0.1:1/mcp", "ftp://me:%s@127.0.0.1/mcp", "http://me:%s@127.0.0.1:port/mcp", "http://me:%s@[::1/mcp"} {
		address := fmt.Sprintf(shape, c.mint("in an address: "+shape, nil).value)
		if e := c.typed("servers", "add", "userinfo", address); e.code == 0 {
			c.Errorf("the address was taken: %s", shape)
		}
		if e := c.typed("providers", "set", "userinfo", "--type", "chat", "--base-url", address); e.code == 0 {
			c.Errorf("the provider's address was taken: %s", shape)
		}
		text, err := json.Marshal(object{"mcpServers": object{"userinfo": object{"url": address}}})
		if err != nil {
			c.Fatal(err)
		}
		drafts, problems, err := c.b.Drafts(text)
		if len(drafts) != 0 {
			c.Errorf("the pasted address was taken: %s", shape)
		}
		c.vault.check("what is said of a pasted address", fmt.Appendf(nil, "%q %v", problems, err))
	}
}

// turns has models use the tools.
func (c *canaries) turns() {
	conversations := 0
	for _, provider := range []string{"resp", "chat"} {
		for _, tools := range []string{
			"teller__leak teller__fail teller__refuse guarded__whoami guarded__refuse pasted__leak mixed__leak",
			"teller__crash", "teller__leak",
		} {
			out := c.p.must("", "ask", "--provider", provider, "--approve", "always", "--json", "CALL "+tools)
			conversations++
			for tool := range strings.FieldsSeq(tools) {
				if !strings.Contains(out, tool) {
					c.Errorf("%s was not called:\n%s", tool, out)
				}
			}
			if strings.Count(out, `"type":"result"`) != len(strings.Fields(tools)) {
				c.Errorf("results are missing:\n%s", out)
			}
		}
	}
	c.p.run("", "tools", "call", "teller__leak")
	c.p.must("", "tools", "call", "--json", "teller__leak")
	c.p.run("", "tools", "call", "--json", "teller__fail")
	c.p.must("", "tools", "list", "--format", "mcp")
	c.p.must("", "tools", "list", "--format", "openai")
	c.p.must("", "servers", "list", "--json")
	c.p.must("", "providers", "list", "--json")
	c.p.must("", "secret", "list", "--json")

	// It was there to be found, and was taken out.
	for _, o := range c.chatters {
		most := 0
		for _, r := range o.all() {
			most = max(most, bytes.Count(r.body, []byte("‹secret›")))
		}
		if most < 10 {
			c.Errorf("what %s was sent says little of secrets: %d times at most", o.name, most)
		}
	}
	if log, err := os.ReadFile(filepath.Join(c.p.home, "logs", "teller.log")); err != nil || bytes.Count(log, []byte("‹secret›")) < 10 {
		c.Errorf("the log of the server says little of secrets (%v):\n%s", err, log)
	}
}

// removals forget servers, providers and keys.
func (c *canaries) removals() {
	c.p.must("", "servers", "remove", "pasted")
	c.p.must("", "servers", "remove", "guarded")
	c.p.must("", "secret", "remove", "dbpass")
	if err := c.b.RemoveProvider(c.Context(), "padded"); err != nil {
		c.Error(err)
	}
	left := c.p.must("", "secret", "list")
	for _, gone := range []string{"server/pasted/", "server/guarded/", "server/garbage/", "provider/padded/", "provider/typed/", "dbpass"} {
		if strings.Contains(left, gone) {
			c.Errorf("%s was forgotten, and is still listed:\n%s", gone, left)
		}
	}
	for _, stays := range []string{"server/teller/env/TOLD_C", "server/held/env/TOLD_SECRET", "provider/resp/key"} {
		if !strings.Contains(left, stays) {
			c.Errorf("%s is lost:\n%s", stays, left)
		}
	}
}

// passphrase does it all once more where there is no keychain: secrets of this
// run, the sealed file, and a person at a terminal.
func (c *canaries) passphrase() {
	heard := c.p.heard
	c.p = newPlace(c.T)
	c.p.heard = heard
	c.open()
	refused := c.mint("refused for want of a keychain", nil)
	c.p.refused(refused.value+"\n", []string{"DBUS_SESSION_BUS_ADDRESS"}, "secret", "set", "refused")

	key, phrase, wrong := c.mint("key of this run", nil), c.mint("passphrase", nil), c.mint("wrong passphrase", nil)
	c.b.UseMemorySecrets()
	o := c.model("chat2", "Authorization", key)
	if err := c.b.SetProvider(c.Context(), o.config("chat2", store.ProviderChat), secretOf(key)); err != nil {
		c.Fatal(err)
	}
	c.p.must("", "ask", "--provider", "chat2", "hello")
	c.looks("with secrets of this run")

	c.p.must(phrase.value+"\n", "secret", "passphrase")
	c.p.must("", "ask", "--provider", "chat2", "hello")
	c.looks("under a passphrase")
	c.stop()
	c.looks("under a passphrase, after the end")

	c.p.refused("", []string{"locked"}, "ask", "--provider", "chat2", "hello")
	c.p.refused(wrong.value+"\n", []string{"not that of"}, "secret", "passphrase")

	// A person at a terminal types the passphrase, and a value.
	show := func(cmd *exec.Cmd, y *typist, code int) {
		c.Helper()
		shown := y.rest()
		c.vault.check("a terminal", []byte(shown))
		if _ = cmd.Wait(); cmd.ProcessState.ExitCode() != code {
			c.Errorf("at a terminal: %v: %s", cmd.ProcessState, shown)
		}
	}
	cmd := c.p.command("secret", "set", "typed")
	y := c.p.atTerminal(cmd)
	y.answer("Passphrase:", phrase.value)
	y.answer("Value:", c.mint("typed at a terminal", nil).value)
	show(cmd, y, exitOK)
	cmd = c.p.command("ask", "--provider", "chat2", "hello")
	y = c.p.atTerminal(cmd)
	y.answer("Passphrase:", phrase.value)
	show(cmd, y, exitOK)
	c.looks("after a person was at a terminal")
	if n := len(o.all()); n != 6 { // each new conversation gets a title
		c.Errorf("the model was asked %d times", n)
	}
}

// TestCanariesAreFound proves that the check can fail: each place where a secret
// could be is given one.
func TestCanariesAreFound(t *testing.T) {
	p := newPlace(t)
	v := newVault(t)
	one, other := v.mint("one", nil), v.mint("other", func(s string) string { return "sk-" + s })
	p.must("", ask...)
	db := filepath.Join(p.home, "drawbridge.db")
	if leaks, n := v.files(p.root); len(leaks) > 0 || n < 3 {
		t.Fatalf("%d files, %q", n, leaks)
	}
	if leaks, n := v.database(db); len(leaks) > 0 || n == 0 {
		t.Fatalf("%d values, %q", n, leaks)
	}
	log, err := os.OpenFile(filepath.Join(p.home, "logs", "drawbridge.log"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(log, "the key is %s…\n", one.value[:12]); err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	if leaks, _ := v.files(p.root); !slices.Equal(leaks, []string{`the file /home/logs/drawbridge.log: the secret "one" is in it`}) {
		t.Errorf("in a log: %q", leaks)
	}
	p.must("", "ask", "--provider", "rehearsal", "my key is "+other.value)
	if leaks, _ := v.database(db); len(leaks) == 0 {
		t.Errorf("in the database: %q", leaks)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "read x", "sh", one.value)
	cmd.Env = append(p.env, "KEY="+other.value)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	leaks, _ := v.processes()
	if len(leaks) != 2 || !strings.HasPrefix(leaks[0], "the arguments of a process (sh -c") || !strings.HasPrefix(leaks[1], "the environment of a process (sh -c") {
		t.Errorf("in a process: %q", leaks)
	}
	_ = in.Close()
	if err := cmd.Wait(); err == nil {
		t.Error("a read at the end of the input should fail")
	}
	for _, text := range []string{
		fmt.Sprintf("%x", one.value), "eHh4" + coded("x"+one.value), coded("xx" + one.value), coded(other.value), other.value[3:15] + "-" + other.value[15:],
	} {
		if len(v.in([]byte(text))) != 1 {
			t.Errorf("in the disguise %q: %d", text, len(v.in([]byte(text))))
		}
	}
	o := &origin{service: newService(t, func(http.ResponseWriter, *http.Request) {}), name: "o", may: map[string]*canary{"Authorization": one}}
	for _, c := range []struct {
		header, value, body string
		leaks               int
	}{
		{"Authorization", "Bearer " + one.value, "", 0}, {"Authorization", "Bearer " + other.value, "", 1},
		{"X-Other", one.value, "", 1}, {"Authorization", "", "{" + one.value + "}", 1},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, o.URL, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set(c.header, c.value)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		all := o.all()
		if leaks := v.originLeaks(o, len(all)-1); len(leaks) != c.leaks {
			t.Errorf("in a request with %v: %q", c, leaks)
		}
	}
}
