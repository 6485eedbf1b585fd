//go:build linux && e2e

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/app/e2e/measure"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

// ourGateway is the argument that makes this program a gateway in front of the
// server at the address that follows. It prints one ourGatewayState, and ends
// with its input.
const ourGateway = "-gateway-ours"

// The environment of both gateways: the server's token, by the name that its
// configuration has for it, and LiteLLM's own key.
const (
	serverToken  = "PEER_SERVER_TOKEN"
	tokenValue   = "token-of-the-server"
	litellmKey   = "sk-peer"
	gatewayGroup = "peers"
)

// How many calls are measured, after as many as warm both up.
const (
	oneCaller   = 200
	manyCallers = 16
	manyCalls   = 800
	warmCalls   = 20
)

// ourGatewayState is where the gateway is, and its server as LiteLLM's file.
type ourGatewayState struct {
	Address   string   `json:"address"`
	Key       string   `json:"key"`
	Config    string   `json:"config"`
	Variables []string `json:"variables"`
}

// serveGateway is this program as a gateway.
func serveGateway(ctx context.Context, upstream string) (err error) {
	whole, closeBridge, err := openBridge(ctx, func(h bridge.History) bridge.History { return h })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeBridge()) }()
	c := store.ServerConfig{
		Name: "echo", Transport: store.TransportHTTP, URL: upstream, Headers: map[string]store.Value{"Authorization": "Bearer ${env:" + serverToken + "}"},
		Rules: store.Rules{
			AllowedTools: []string{"echo"}, AllowedParams: map[string][]string{"echo": {"text"}}, Groups: []string{gatewayGroup}, ExtraHeaders: []string{"X-Person"},
			Approvals: store.Approvals{Default: store.ApproveAlways}, Trusted: true,
		},
	}
	if _, err := whole.AddServer(ctx, setup.Draft{Config: c}, true); err != nil {
		return err
	}
	api, err := whole.ReadAPI(ctx, upstream+petsDocument, "")
	if err != nil {
		return err
	}
	pets, _, err := api.Draft(ctx, store.ServerConfig{
		Name: "pets", URL: upstream + petsBase, Rules: c.Rules.Clone(),
		OpenAPI: &store.OpenAPI{Methods: []string{"GET", "POST"}, Auth: store.APIAuth{Kind: store.APIAuthBearer, Value: "${env:" + serverToken + "}"}},
	})
	if err != nil {
		return err
	}
	pets.Config.Rules.AllowedTools, pets.Config.Rules.AllowedParams = nil, map[string][]string{"getPet": {"id", "color"}}
	if _, err := whole.AddServer(ctx, pets, true); err != nil {
		return err
	}
	if err := whole.StartServers(ctx, "echo", "pets"); err != nil {
		return err
	}
	state, err := whole.OpenGateway(ctx, 0)
	if err != nil {
		return err
	}
	_, key, err := whole.AddKey(ctx, "bench", "", store.Limits{Groups: []string{gatewayGroup}})
	if err != nil {
		return err
	}
	exported, err := whole.ExportLiteLLM()
	if err != nil {
		return err
	}
	out := ourGatewayState{Address: state.Address, Key: key.Reveal(), Config: string(exported.Config)}
	for _, v := range exported.Variables {
		out.Variables = append(out.Variables, v.Name)
	}
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// An API of which both gateways make tools. Removing is not chosen.
const (
	petsBase     = "/api"
	petsDocument = petsBase + "/openapi.json"
	petsText     = `{"openapi": "3.1.0", "info": {"title": "Pets", "version": "1"}, "paths": {
		"/pets/{id}": {
			"parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}],
			"get": {"operationId": "getPet", "summary": "Gets a pet.", "parameters": [
				{"name": "color", "in": "query", "schema": {"type": "string"}}, {"name": "all", "in": "query", "schema": {"type": "string"}}]},
			"delete": {"operationId": "removePet", "summary": "Removes a pet."}},
		"/pets": {"post": {"operationId": "add pet", "summary": "Adds a pet.", "requestBody": {"required": true, "content": {"application/json": {
			"schema": {"type": "object", "properties": {"name": {"type": "string"}}}}}}}}}}`
)

// servePets answers with what it was asked.
func servePets(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	answer := map[string]string{"asked": r.Method + " " + r.URL.RequestURI(), "body": string(body)}
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		return
	}
}

// upstream is the server behind both gateways: it wants its token, and remembers
// the header that clients may pass on.
type upstream struct {
	*httptest.Server
	mu     sync.Mutex // protects person
	person string     // what came last in X-Person
}

func startUpstream() *upstream {
	u := &upstream{}
	server := newEcho()
	mcp.AddTool(server, &mcp.Tool{Name: "shout", Description: "Is not allowed."},
		func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
			return nil, nil, errors.New("what no file allows was called")
		})
	handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil)
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == petsDocument {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, petsText) // who leaves is no fault
			return
		}
		if r.Header.Get("Authorization") != "Bearer "+tokenValue {
			http.Error(w, "the token is missing", http.StatusUnauthorized)
			return
		}
		if p := r.Header.Get("X-Person"); p != "" {
			u.mu.Lock()
			u.person = p
			u.mu.Unlock()
		}
		if strings.HasPrefix(r.URL.Path, petsBase+"/") {
			servePets(w, r)
			return
		}
		handler.ServeHTTP(w, r)
	}))
	return u
}

// last returns what came last in X-Person, and forgets it.
func (u *upstream) last() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	p := u.person
	u.person = ""
	return p
}

// peerGateway is one of the two.
type peerGateway struct {
	name    string
	address string
	key     string
	tool    string    // what the echo is called there
	pets    [2]string // what adding and getting a pet are
	pid     int
}

// compareGateways runs Drawbridge's gateway and a real LiteLLM proxy in front of
// the same server, the proxy with the file that Drawbridge exported. It checks
// that what the file says holds there, makes the same calls through both, and
// prints what they took.
func compareGateways(ctx context.Context, python, out string, w io.Writer) (err error) {
	run := &processes{out: out}
	defer func() { err = errors.Join(err, run.stop()) }()
	up := startUpstream()
	defer up.Close()
	defer up.CloseClientConnections()
	environ := []string{serverToken + "=" + tokenValue}
	ours, state, end, err := startOurs(ctx, up.URL, environ)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	if !slices.Equal(state.Variables, []string{serverToken}) {
		return fmt.Errorf("the exported file wants the variables %q", state.Variables)
	}
	config := filepath.Join(out, "exported.yaml")
	if err := os.WriteFile(config, []byte(state.Config), 0o600); err != nil {
		return err
	}
	environ = append(environ, "LITELLM_MASTER_KEY="+litellmKey, "LITELLM_LOCAL_MODEL_COST_MAP=True", "DISABLE_ADMIN_UI=True")
	address, err := run.listen(ctx, "litellm-gateway", environ, func(port string) []string {
		return []string{filepath.Join(filepath.Dir(python), "litellm"), "--config", config, "--host", "127.0.0.1", "--port", port, "--telemetry", "False"}
	})
	if err != nil {
		return err
	}
	theirs := peerGateway{"LiteLLM proxy, file exported by Drawbridge", address + "/mcp/", litellmKey, "echo-echo", [2]string{"pets-add_pet", "pets-getpet"}, run.last}
	for _, g := range []peerGateway{ours, theirs} {
		if err := g.holds(ctx, up); err != nil {
			return fmt.Errorf("%s: %w", g.name, err)
		}
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "gateway\tcallers\tcalls\twall\tp50\tp99\tprocessor\tmemory\n")
	for _, callers := range []int{1, manyCallers} {
		calls := oneCaller
		if callers > 1 {
			calls = manyCalls
		}
		for _, g := range []peerGateway{ours, theirs} {
			took, err := g.load(ctx, callers, calls)
			if err != nil {
				return fmt.Errorf("%s: %w", g.name, err)
			}
			fmt.Fprintf(table, "%s\t%d\t%d\t%.2f s\t%.1f ms\t%.1f ms\t%.2f s\t%.0f MB\n", g.name, callers, calls,
				took.wall.Seconds(), ms(measure.Median(took.calls)), ms(measure.Percentile(took.calls, 99)), took.cpu.Seconds(), took.memory)
		}
	}
	return table.Flush()
}

// startOurs starts this program as a gateway.
func startOurs(ctx context.Context, upstream string, environ []string) (g peerGateway, state ourGatewayState, end func() error, err error) {
	program, err := os.Executable()
	if err != nil {
		return g, state, nil, err
	}
	cmd := exec.CommandContext(ctx, program, ourGateway, upstream)
	cmd.Env = append(os.Environ(), environ...)
	cmd.WaitDelay = 10 * time.Second
	var said bytes.Buffer
	cmd.Stderr = &said
	input, err := cmd.StdinPipe()
	if err != nil {
		return g, state, nil, err
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		return g, state, nil, err
	}
	if err := cmd.Start(); err != nil {
		return g, state, nil, err
	}
	end = func() error { return errors.Join(input.Close(), cmd.Wait()) }
	line, err := bufio.NewReader(output).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &state)
	}
	if err != nil {
		return g, state, nil, errors.Join(fmt.Errorf("our gateway did not start: %w: %s", err, said.String()), end())
	}
	return peerGateway{"Drawbridge", state.Address, state.Key, "echo__echo", [2]string{"pets__add_pet", "pets__getPet"}, cmd.Process.Pid}, state, end, nil
}

// dial opens a session; extra headers go with each request.
func (g peerGateway) dial(ctx context.Context, extra map[string]string) (*mcp.ClientSession, error) {
	client := mcp.NewClient(&mcp.Implementation{Name: "bench", Version: "1"}, nil)
	return client.Connect(ctx, &mcp.StreamableClientTransport{
		Endpoint: g.address, DisableStandaloneSSE: true,
		HTTPClient: &http.Client{Transport: litellmHeaders{http.DefaultTransport, g.key, extra}},
	}, &mcp.ClientSessionOptions{ProtocolVersion: "2025-11-25"})
}

// litellmHeaders adds the key in the header that both take, and others.
type litellmHeaders struct {
	base  http.RoundTripper
	key   string
	extra map[string]string
}

func (t litellmHeaders) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Litellm-Api-Key", "Bearer "+t.key)
	for name, value := range t.extra {
		r.Header.Set(name, value)
	}
	return t.base.RoundTrip(r)
}

// holds checks what the configuration says: the token is shown to the server, one
// tool is there and takes one parameter, and a header of the client is passed on.
func (g peerGateway) holds(ctx context.Context, up *upstream) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	s, err := g.dial(ctx, map[string]string{"X-Person": "ana"})
	if err != nil {
		return err
	}
	defer s.Close()
	var names []string
	for tool, err := range s.Tools(ctx, nil) {
		if err != nil {
			return err
		}
		names = append(names, tool.Name)
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{g.tool, g.pets[0], g.pets[1]}) {
		return fmt.Errorf("it offers %q, and the file allows %s and %s", names, g.tool, g.pets)
	}
	up.last()
	if err := echoThrough(ctx, s, g.tool); err != nil {
		return err
	}
	if got := up.last(); got != "ana" {
		return fmt.Errorf("the header that is passed on came as %q", got)
	}
	if err := g.refuses(ctx, s, g.tool, "loud", map[string]any{"text": "a", "loud": true}); err != nil {
		return err
	}
	for _, c := range []struct {
		tool string
		args map[string]any
		want []string
	}{
		{g.pets[1], map[string]any{"id": "a b", "color": "red"}, []string{"GET /api/pets/a%20b?color=red"}},
		{g.pets[0], map[string]any{"body": map[string]any{"name": "Rex"}}, []string{"POST /api/pets", "Rex"}},
	} {
		r, err := s.CallTool(ctx, &mcp.CallToolParams{Name: c.tool, Arguments: c.args})
		if err != nil {
			return err
		}
		said, err := json.Marshal(r)
		if err != nil {
			return err
		}
		for _, want := range c.want {
			if r.IsError || !bytes.Contains(said, []byte(want)) {
				return fmt.Errorf("%s gave %s, and not %q", c.tool, said, want)
			}
		}
	}
	return g.refuses(ctx, s, g.pets[1], "all", map[string]any{"id": "a", "all": "yes"})
}

// refuses checks that a parameter that is not allowed is refused, with the
// sentence that both have.
func (g peerGateway) refuses(ctx context.Context, s *mcp.ClientSession, tool, param string, args map[string]any) error {
	refused, err := s.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: args})
	said := fmt.Sprint(err)
	if err == nil {
		b, err := json.Marshal(refused)
		if err != nil {
			return err
		}
		said = string(b)
		if !refused.IsError {
			return fmt.Errorf("a parameter that is not allowed was let through: %s", said)
		}
	}
	if !strings.Contains(said, "['"+param+"'] are not allowed") {
		return fmt.Errorf("a parameter that is not allowed was refused with %q", said)
	}
	return nil
}

// load is what a number of calls took.
type load struct {
	wall, cpu time.Duration
	calls     []time.Duration
	memory    float64 // resident at the end, in MB
}

func (g peerGateway) load(ctx context.Context, callers, calls int) (l load, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	sessions := make([]*mcp.ClientSession, callers)
	for i := range sessions {
		s, err := g.dial(ctx, nil)
		if err != nil {
			return l, err
		}
		defer s.Close()
		sessions[i] = s
		for range max(1, warmCalls/callers) {
			if err := echoThrough(ctx, s, g.tool); err != nil {
				return l, err
			}
		}
	}
	before, err := treeProcessor(g.pid)
	if err != nil {
		return l, err
	}
	l.calls = make([]time.Duration, calls)
	errs := make([]error, callers)
	var next atomic.Int64
	var all sync.WaitGroup
	began := time.Now()
	for i, s := range sessions {
		all.Go(func() {
			for {
				n := int(next.Add(1)) - 1
				if n >= calls || errs[i] != nil {
					return
				}
				start := time.Now()
				errs[i] = echoThrough(ctx, s, g.tool)
				l.calls[n] = time.Since(start)
			}
		})
	}
	all.Wait()
	l.wall = time.Since(began)
	if err := errors.Join(errs...); err != nil {
		return l, err
	}
	after, err := treeProcessor(g.pid)
	if err != nil {
		return l, err
	}
	l.cpu = after - before
	l.memory, err = treeMemory(g.pid)
	return l, err
}

// tree returns a process with all below it.
func tree(pid int) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	below := map[int][]int{}
	for _, e := range entries {
		child, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		fields, err := statOf(child)
		if err != nil {
			continue // it has ended
		}
		parent, err := strconv.Atoi(fields[1])
		if err != nil {
			return nil, err
		}
		below[parent] = append(below[parent], child)
	}
	list := []int{pid}
	for i := 0; i < len(list); i++ {
		list = append(list, below[list[i]]...)
	}
	return list, nil
}

// statOf returns the fields of /proc/PID/stat from the state on.
func statOf(pid int) ([]string, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, err
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) < 13 {
		return nil, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	return fields, nil
}

// treeProcessor is the processor time of a process and all below it.
func treeProcessor(pid int) (time.Duration, error) {
	list, err := tree(pid)
	if err != nil {
		return 0, err
	}
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every Linux that Go runs on
	var all time.Duration
	for _, p := range list {
		fields, err := statOf(p)
		if err != nil {
			continue
		}
		for _, f := range fields[11:13] { // utime and stime
			n, err := strconv.Atoi(f)
			if err != nil {
				return 0, err
			}
			all += time.Duration(n) * tick
		}
	}
	return all, nil
}

// treeMemory is what a process and all below it have resident, shared pages in
// part, in MB.
func treeMemory(pid int) (float64, error) {
	list, err := tree(pid)
	if err != nil {
		return 0, err
	}
	var all float64
	for _, p := range list {
		one, err := pss(p)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return 0, err
		}
		all += one / 1e6
	}
	return all, nil
}
