//go:build linux && e2e

package standin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/drawbridge-app/drawbridge/app/e2e/desk"
)

// modelStart bounds the start of the model server.
const modelStart = time.Minute

// ModelOptions say how the model server answers.
type ModelOptions struct {
	Fixtures string        // a file, or a folder of them
	Keys     []string      // the keys that it accepts; all when there are none
	Latency  time.Duration // between two chunks of a stream
}

// A Model is a model server that runs on a desktop.
type Model struct {
	program *desk.Program
	url     string
}

var listening = regexp.MustCompile(`listening on (http://127\.0\.0\.1:\d+)`)

// StartModel starts the model server on a free port of the loopback interface
// and waits until it answers. A request that no fixture matches is refused.
func (n *Node) StartModel(ctx context.Context, d *desk.Desktop, o ModelOptions) (*Model, error) {
	fixtures, err := filepath.Abs(o.Fixtures)
	if err != nil {
		return nil, err
	}
	read, write := io.Pipe()
	defer read.Close() // what it says later goes nowhere
	cmd := exec.Command(n.Program, n.Module("@copilotkit/aimock/dist/cli.js"),
		"--port", "0", "--fixtures", fixtures, "--strict", "--journal-max", "1",
		"--latency", fmt.Sprint(o.Latency.Milliseconds()))
	cmd.Env = d.Environ()
	if len(o.Keys) > 0 {
		cmd.Env = append(cmd.Env, "AIMOCK_API_KEYS="+strings.Join(o.Keys, ","))
	}
	cmd.Stdout = loose{write}
	program, err := d.Run("model", cmd)
	if err != nil {
		return nil, err
	}
	m := &Model{program: program}
	ctx, cancel := context.WithTimeout(ctx, modelStart)
	defer cancel()
	defer context.AfterFunc(ctx, func() { read.CloseWithError(context.Cause(ctx)) })()
	go func() {
		<-program.Ended()
		write.CloseWithError(errors.New("the model server ended; see model.log"))
	}()
	lines := bufio.NewScanner(read)
	for lines.Scan() {
		if found := listening.FindStringSubmatch(lines.Text()); found != nil {
			m.url = found[1]
			return m, m.healthy(ctx)
		}
	}
	return nil, errors.Join(fmt.Errorf("waiting for the model server's address: %w", lines.Err()), program.Stop())
}

// loose takes everything, also when nobody reads any more.
type loose struct{ w io.Writer }

func (l loose) Write(p []byte) (int, error) {
	if _, err := l.w.Write(p); err != nil && !errors.Is(err, io.ErrClosedPipe) {
		return 0, err
	}
	return len(p), nil
}

func (m *Model) healthy(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, m.url+"/health", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("asking the model server: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the model server answers %s", response.Status)
	}
	return nil
}

// URL is where it listens, without a path.
func (m *Model) URL() string { return m.url }

// Stop ends it.
func (m *Model) Stop() error { return m.program.Stop() }
