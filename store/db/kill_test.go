package db

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

// The child of the kill tests is this test binary, told what to do by these
// variables.
const (
	childPath  = "DRAWBRIDGE_TEST_DB"
	childEarly = "DRAWBRIDGE_TEST_ACK_EARLY"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childPath); path != "" {
		fmt.Fprintln(os.Stderr, appendForEver(path, os.Getenv(childEarly) != "", os.Stdout))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// appendForEver appends turn after turn and writes the name of each to ack as
// soon as it is acknowledged; or, if early, just before. A turn is a message
// that grows and is finished, and then two messages at once.
func appendForEver(path string, early bool, ack io.Writer) error {
	ctx := context.Background()
	d, err := Open(ctx, path)
	if err != nil {
		return err
	}
	chain, err := d.Chain(ctx, "c")
	if err != nil {
		return err
	}
	parent, n := "", 0
	if len(chain) > 0 {
		parent, n = chain[len(chain)-1].ID, len(chain)
	}
	save := func(name string, msgs ...store.Message) error {
		if early {
			if _, err := fmt.Fprintln(ack, name); err != nil {
				return err
			}
		}
		if err := d.Append(ctx, msgs...); err != nil {
			return err
		}
		if !early {
			_, err = fmt.Fprintln(ack, name)
		}
		return err
	}
	for ; ; n++ {
		id := fmt.Sprintf("m%06d", n)
		growing := checkable(id, parent, store.StatusStreaming, 100+rand.IntN(20_000))
		if err := save(id+" streaming", growing); err != nil {
			return err
		}
		if err := save(id+" complete", checkable(id, parent, store.StatusComplete, 100+rand.IntN(60_000))); err != nil {
			return err
		}
		a, b := fmt.Sprintf("m%06da", n), fmt.Sprintf("m%06db", n)
		if err := save(b+" complete", checkable(a, id, store.StatusComplete, 10), checkable(b, a, store.StatusComplete, 9000)); err != nil {
			return err
		}
		parent = b
	}
}

// checkable is a message whose text proves that it is whole.
func checkable(id, parent string, status store.Status, size int) store.Message {
	body := strings.Repeat(id+" ", size/len(id)+1)
	return store.Message{
		ID: id, ConversationID: "c", ParentID: parent, Role: store.RoleAssistant, Status: status, CreatedAt: time.Now(),
		Parts: store.Parts{store.Text{Text: fmt.Sprintf("%s\n%s\n%x", status, body, sha256.Sum256([]byte(body)))}},
	}
}

func wholeText(m store.Message) bool {
	lines := strings.Split(m.Text(), "\n")
	return len(lines) == 3 && lines[0] == string(m.Status) && strings.HasPrefix(lines[1], m.ID+" ") &&
		lines[2] == fmt.Sprintf("%x", sha256.Sum256([]byte(lines[1])))
}

// killOnce runs the child on the database, kills it with SIGKILL at a random
// moment, and returns what it had acknowledged by then.
func killOnce(t *testing.T, path string, early bool) []string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childPath+"="+path)
	if early {
		cmd.Env = append(cmd.Env, childEarly+"=1")
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	guard := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer guard.Stop()
	// Half of the time just after an acknowledgement, else somewhere between
	// two of them.
	after := 1 + rand.IntN(12)
	delay := time.Duration(0)
	if rand.IntN(2) == 0 {
		delay = time.Duration(rand.IntN(15_000)) * time.Microsecond
	}
	var acked []string
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		acked = append(acked, lines.Text())
		if len(acked) == after {
			if delay == 0 {
				_ = cmd.Process.Kill()
			} else {
				time.AfterFunc(delay, func() { _ = cmd.Process.Kill() })
			}
		}
	}
	err = cmd.Wait()
	if len(acked) < after || stderr.Len() > 0 {
		t.Fatalf("the child ended by itself after %d acknowledgements (%v): %s", len(acked), err, stderr.String())
	}
	return acked
}

// lost compares what was acknowledged with what is there, and says what is
// wrong; nil if nothing is.
func lost(ctx context.Context, d *DB, acked []string) error {
	var integrity string
	if err := d.write.QueryRowContext(ctx, "PRAGMA integrity_check").Scan(&integrity); err != nil || integrity != "ok" {
		return fmt.Errorf("integrity: %s, error %v", integrity, err)
	}
	rows, err := d.Chain(ctx, "c")
	if err != nil {
		return err
	}
	have := map[string]store.Message{}
	for _, m := range rows {
		if !wholeText(m) {
			return fmt.Errorf("the message %s is torn", m.ID)
		}
		if twin := strings.TrimSuffix(m.ID, "b"); twin != m.ID && have[twin+"a"].ID == "" {
			return fmt.Errorf("%s was kept without the message that came with it", m.ID)
		}
		have[m.ID] = m
	}
	if n := len(rows); n > 0 && strings.HasSuffix(rows[n-1].ID, "a") {
		return fmt.Errorf("%s was kept without the message that came with it", rows[n-1].ID)
	}
	for _, a := range acked {
		id, status, _ := strings.Cut(a, " ")
		m, ok := have[id]
		if !ok || (status == "complete" && m.Status != store.StatusComplete) {
			return fmt.Errorf("%q was acknowledged, and is %q", a, m.Status)
		}
	}
	return nil
}

// newSubject makes a database with the one conversation of the kill tests.
func newSubject(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "history.db")
	d := open(t, path)
	if err := errors.Join(d.CreateConversation(t.Context(), store.Conversation{ID: "c"}), d.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// checkKilled opens the database as the next start does, and looks for loss.
func checkKilled(t *testing.T, path string, acked []string) error {
	t.Helper()
	d, err := Open(t.Context(), path)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	if p := d.Problems(); len(p) > 0 {
		return fmt.Errorf("the database was kept aside: %q", p)
	}
	return lost(t.Context(), d, acked)
}

func surviveKills(t *testing.T, cycles int) {
	t.Helper()
	var (
		total int
		path  string
		acked []string // all of this file
	)
	for i := range cycles {
		if i%25 == 0 { // so that the file stays small enough to read it all each time
			path, acked = newSubject(t), nil
		}
		now := killOnce(t, path, false)
		total += len(now)
		acked = append(acked, now...)
		if err := checkKilled(t, path, acked); err != nil {
			t.Fatalf("cycle %d: %v", i, err)
		}
	}
	t.Logf("%d cycles, %d acknowledged, none lost", cycles, total)
}

func TestKill9(t *testing.T) { surviveKills(t, 25) }

// TestSoakKill9 runs the full count with DRAWBRIDGE_SOAK=1, and a short one
// without.
func TestSoakKill9(t *testing.T) {
	cycles := 5
	if os.Getenv("DRAWBRIDGE_SOAK") == "1" {
		cycles = 1000
	}
	surviveKills(t, cycles)
}

// TestKill9CatchesEarlyAck proves that the check above can fail: a program that
// acknowledges before it commits is caught.
func TestKill9CatchesEarlyAck(t *testing.T) {
	path := newSubject(t)
	const limit = 200
	for i := range limit {
		acked := killOnce(t, path, true)
		if err := checkKilled(t, path, acked); err != nil {
			t.Logf("caught in cycle %d: %v", i+1, err)
			return
		}
	}
	t.Errorf("acknowledging too early was not noticed in %d cycles", limit)
}
