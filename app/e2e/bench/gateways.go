//go:build linux && e2e

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/drawbridge-app/drawbridge/app/e2e/standin"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/store"
)

// upstreamKey is the secret of an entry that a gateway hands on.
const upstreamKey = "upstream"

// gatewayStart bounds the start of a gateway; LiteLLM's takes long.
const gatewayStart = 3 * time.Minute

// crossGateways runs the same turn straight to the stand-in model and through
// the real gateways of Portkey and LiteLLM in front of it, in each format that
// they pass on, and prints what came. fixtures has the packages of the model
// server, folder those of the gateways; logs go to out.
func crossGateways(ctx context.Context, fixtures, folder, python, out string, w io.Writer) (err error) {
	run := &processes{out: out}
	defer func() { err = errors.Join(err, run.stop()) }()

	models, err := run.start(ctx, "aimock", regexp.MustCompile(`listening on (http://127\.0\.0\.1:\d+)`), nil, "node",
		filepath.Join(fixtures, "node_modules/@copilotkit/aimock/dist/cli.js"),
		"--port", "0", "--fixtures", filepath.Join(folder, "model.json"), "--strict", "--journal-max", "1")
	if err != nil {
		return err
	}
	raw, err := standin.NewProxy(models)
	if err != nil {
		return err
	}
	defer raw.Close()
	portkey, err := run.listen(ctx, "portkey", nil, func(port string) []string {
		return []string{"node", "--require", filepath.Join(folder, "gateway-headers.cjs"),
			filepath.Join(folder, "node_modules/@portkey-ai/gateway/build/start-server.js"), "--headless", "--port=" + port}
	})
	if err != nil {
		return err
	}
	config := filepath.Join(out, "litellm.yaml")
	if err := os.WriteFile(config, []byte(litellmConfig(raw.URL())), 0o600); err != nil {
		return err
	}
	litellm, err := run.listen(ctx, "litellm", []string{"LITELLM_LOCAL_MODEL_COST_MAP=True", "DISABLE_ADMIN_UI=True"}, func(port string) []string {
		return []string{filepath.Join(filepath.Dir(python), "litellm"), "--config", config, "--host", "127.0.0.1", "--port", port, "--telemetry", "False"}
	})
	if err != nil {
		return err
	}

	whole, closeBridge, err := openBridge(ctx, func(h bridge.History) bridge.History { return h })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeBridge()) }()
	whole.UseMemorySecrets()
	program, err := os.Executable()
	if err != nil {
		return err
	}
	if _, err := readyEcho(ctx, whole, program, "a text"); err != nil {
		return err
	}

	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "a turn with one call\tformat\tsteps\tanswer")
	failed := 0
	for _, way := range waysTo(raw.URL(), portkey, litellm) {
		before := len(raw.Requests())
		answer, err := cross(ctx, whole, way)
		asked := len(raw.Requests()) - before
		if err == nil && asked != 2 {
			err = fmt.Errorf("the model got %d requests where it should get 2", asked)
		}
		if err != nil {
			failed++
			answer = "FAILED: " + err.Error()
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\n", way.name, way.entry.Kind, asked, answer)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%d of the ways to the model failed; the logs are in %s", failed, out)
	}
	return nil
}

// litellmConfig has one model in each of the formats that the stand-in speaks.
func litellmConfig(model string) string {
	return fmt.Sprintf(`model_list:
  - model_name: standin
    litellm_params: {model: openai/standin, api_base: %[1]s/v1, api_key: upstream}
  - model_name: standin-claude
    litellm_params: {model: anthropic/standin-claude, api_base: %[1]s, api_key: upstream}
general_settings: {master_key: sk-peer}
`, model)
}

// way is an entry that leads to the stand-in model.
type way struct {
	name  string
	entry store.ProviderConfig
	key   string
}

func waysTo(model, portkey, litellm string) []way {
	var ways []way
	next := func() string { return fmt.Sprintf("way-%d", len(ways)) }
	add := func(name, key string, entry store.ProviderConfig) {
		entry.ID = next()
		ways = append(ways, way{name, entry, key})
	}
	for _, kind := range []store.ProviderKind{store.ProviderChat, store.ProviderResponses, store.ProviderAnthropic} {
		upstream, base := "openai", model+"/v1"
		claude := "standin"
		if kind == store.ProviderAnthropic {
			upstream, claude = "anthropic", "standin-claude"
		}
		add("straight", "upstream", store.ProviderConfig{Kind: kind, BaseURL: base, Model: claude})
		headers := map[string]store.Value{"X-Portkey-Custom-Host": store.Value(base), "Authorization": "Bearer upstream"}
		add("Portkey, provider and host", "pk-peer", store.ProviderConfig{
			Kind: kind, BaseURL: portkey + "/v1", Model: claude, Preset: "portkey", Headers: headers,
			Portkey: &store.Portkey{Provider: upstream}, Metadata: map[string]string{"team": "peers"},
		})
		add("Portkey, config in JSON", "pk-peer", store.ProviderConfig{
			Kind: kind, BaseURL: portkey + "/v1", Model: claude, Preset: "portkey",
			Portkey: &store.Portkey{Config: fmt.Sprintf(`{"provider":%q,"custom_host":%q,"api_key":%q}`,
				upstream, base, store.RefTo(store.ProviderSecret(next(), upstreamKey)))},
		})
		add("LiteLLM", "sk-peer", store.ProviderConfig{Kind: kind, BaseURL: litellm + "/v1", Model: claude, Preset: "litellm"})
	}
	add("straight", "upstream", store.ProviderConfig{Kind: store.ProviderGemini, BaseURL: model + "/v1beta", Model: "standin"})
	return ways
}

// cross runs one turn and returns the answer, once it is what the model says.
func cross(ctx context.Context, whole *bridge.Bridge, w way) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	key, upstream := store.NewSecret(w.key), store.NewSecret("upstream")
	if err := whole.SetSecret(ctx, store.ProviderSecret(w.entry.ID, upstreamKey), upstream); err != nil {
		return "", err
	}
	if err := whole.SetProvider(ctx, w.entry, &key); err != nil {
		return "", err
	}
	conversation, err := newTurn(ctx, whole, store.ModelRef{Provider: w.entry.ID, Model: w.entry.Model})
	if err != nil {
		return "", err
	}
	answer, calls := "", 0
	for event, err := range whole.Send(ctx, conversation, "THROUGH-A-GATEWAY", nil) {
		if err != nil {
			return "", err
		}
		switch e := event.(type) {
		case chat.CallDone:
			if text := e.Result.Content.Text(); e.Result.IsError || text != "there and back" {
				return "", fmt.Errorf("the call gave %q", text)
			}
			calls++
		case chat.Finished:
			answer = e.Message.Text()
		}
	}
	if want := "The tool said: there and back."; calls != 1 || answer != want {
		return "", fmt.Errorf("%d calls, and the answer is %q", calls, answer)
	}
	return answer, nil
}

// processes are the programs of one run, with a log of each.
type processes struct {
	out   string
	ended []func() error
	last  int // id of the one that listen started last
}

// start starts a program and waits until it prints what matches, whose first
// group is returned.
func (p *processes) start(ctx context.Context, name string, ready *regexp.Regexp, environ []string, command ...string) (string, error) {
	log, err := os.Create(filepath.Join(p.out, name+".log"))
	if err != nil {
		return "", err
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), environ...)
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", errors.Join(err, log.Close())
	}
	if err := cmd.Start(); err != nil {
		return "", errors.Join(err, log.Close())
	}
	p.ended = append(p.ended, func() error {
		err := cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
		return errors.Join(err, log.Close())
	})
	found := make(chan string, 1)
	go func() {
		defer close(found)
		lines := bufio.NewScanner(io.TeeReader(out, log))
		for lines.Scan() {
			if m := ready.FindStringSubmatch(lines.Text()); m != nil {
				found <- m[1]
				break
			}
		}
		_, _ = io.Copy(log, out)
	}()
	select {
	case url := <-found:
		if url != "" {
			return url, nil
		}
		return "", fmt.Errorf("%s ended before it was ready; see its log", name)
	case <-time.After(gatewayStart):
		return "", fmt.Errorf("%s was not ready after %v; see its log", name, gatewayStart)
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// listen starts a program that listens on the port that it is told, and waits
// until something answers there.
func (p *processes) listen(ctx context.Context, name string, environ []string, command func(port string) []string) (string, error) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	address := free.Addr().String()
	_, port, err := net.SplitHostPort(address)
	if err := errors.Join(err, free.Close()); err != nil {
		return "", err
	}
	log, err := os.Create(filepath.Join(p.out, name+".log"))
	if err != nil {
		return "", err
	}
	line := command(port)
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Env = append(os.Environ(), environ...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return "", errors.Join(err, log.Close())
	}
	p.last = cmd.Process.Pid
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended stands in its log
		close(ended)
	}()
	p.ended = append(p.ended, func() error {
		_ = cmd.Process.Kill() // it may have ended
		<-ended
		return log.Close()
	})
	for limit := time.Now().Add(gatewayStart); time.Now().Before(limit); {
		res, err := http.Get("http://" + address + "/health/liveliness")
		if err == nil {
			_ = res.Body.Close()
			return "http://" + address, nil
		}
		select {
		case <-ended:
			return "", fmt.Errorf("%s ended before it listened; see %s.log", name, strings.ToLower(name))
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return "", fmt.Errorf("%s did not listen within %v; see its log", name, gatewayStart)
}

// stop ends them all.
func (p *processes) stop() error {
	var errs []error
	for _, end := range p.ended {
		errs = append(errs, end())
	}
	return errors.Join(errs...)
}
