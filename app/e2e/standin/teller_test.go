//go:build linux && e2e

package standin_test

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/app/e2e/standin"
)

// ask sends a request to a teller.
func ask(t *testing.T, teller *standin.Teller, key, body string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, teller.URL()+"/chat/completions", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	return response
}

// The answer comes when the test gives it, piece by piece.
func TestTeller(t *testing.T) {
	teller := standin.NewTeller("the key")
	defer teller.Close()
	answered := make(chan string, 1)
	said := make(chan error, 1)
	go func() {
		q, err := teller.Next(t.Context())
		if err == nil && (q.Said() != "two" || q.Model != "m" || !q.Offers("note") || q.Offers("hold")) {
			err = errors.New("the request was read wrongly: " + q.Body)
		}
		if got, ok := q.Result("c1"); err == nil && (!ok || got != "written") {
			err = errors.New("the result was read wrongly: " + q.Body)
		}
		err = errors.Join(err, q.Say("Half"))
		answered <- "half"
		err = errors.Join(err, q.Call("c2", "note", `{"text":"x"}`), q.End())
		said <- err
	}()
	response := ask(t, teller, "the key", `{"model":"m","stream":true,"tools":[{"type":"function","function":{"name":"note"}}],"messages":[
		{"role":"user","content":"one"},{"role":"assistant","tool_calls":[{"id":"c1"}]},
		{"role":"tool","tool_call_id":"c1","content":"written"},{"role":"user","content":[{"type":"text","text":"two"}]}]}`)
	<-answered
	lines := bufio.NewReader(response.Body)
	if line, err := lines.ReadString('\n'); err != nil || !strings.Contains(line, `"content":"Half"`) {
		t.Errorf("the first piece is %q: %v", line, err)
	}
	rest, err := io.ReadAll(lines)
	if err != nil || !strings.Contains(string(rest), `"finish_reason":"tool_calls"`) || !strings.HasSuffix(string(rest), "data: [DONE]\n\n") {
		t.Errorf("the rest is %s: %v", rest, err)
	}
	if err := <-said; err != nil {
		t.Error(err)
	}

	// A reader that leaves is noticed.
	response = ask(t, teller, "the key", `{"messages":[{"role":"user","content":"three"}]}`)
	q, err := teller.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	<-q.Gone()
	if err := q.Say("to nobody"); !errors.Is(err, standin.ErrGone) {
		t.Errorf("to say something to nobody: %v", err)
	}

	if response := ask(t, teller, "another", "{}"); response.StatusCode != http.StatusUnauthorized || len(teller.WrongKeys()) != 1 {
		t.Errorf("another key: %s, %q", response.Status, teller.WrongKeys())
	}
	if response := ask(t, teller, "the key", `{"messages":[{"role":"system","content":"You give conversations their titles. …"}]}`); response.StatusCode != http.StatusBadRequest || teller.Waiting() != 0 {
		t.Errorf("a title: %s", response.Status)
	}
}
