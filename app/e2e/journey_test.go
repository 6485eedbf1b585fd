//go:build linux && e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/app/e2e/driver"
	"github.com/drawbridge-app/drawbridge/app/e2e/standin"
)

// The secrets of the journey; they must be nowhere but in the keychain, in the
// request and in the server that they are for.
const (
	modelKey    = "sk-canary-of-the-model-6c1f"
	serverToken = "canary-of-the-server-9e27"
)

// TestJourney is what Drawbridge exists for: a person adds two servers by
// clicking, types a key, writes a message, allows the call and reads what it
// gave; switches the tool off, and the model is not offered it any more; writes
// a message in another way and has an answer made again, each on a branch of its
// own; waits with the program until the provider takes more requests; and finds
// the conversation again after the program was killed.
func TestJourney(t *testing.T) {
	s := newStage(t, whole)
	node := s.node()
	model, err := node.StartModel(s.ctx, s.desk, standin.ModelOptions{Fixtures: "testdata/model.json", Keys: []string{modelKey}})
	s.must(err)
	proxy, err := standin.NewProxy(model.URL())
	s.must(err)
	defer proxy.Close()
	folder := filepath.Join(s.desk.Home(), "notes")
	s.must(os.Mkdir(folder, 0o700))

	s.open()
	s.welcome()

	s.addByCommand("everything", node.Program, "'"+node.Everything()+"'")
	s.addByPaste(map[string]any{"files": map[string]any{
		"command": node.Program,
		"args":    []string{node.Filesystem(), folder},
		"env":     map[string]string{"FILES_API_TOKEN": serverToken},
	}})
	s.see(driver.Contains("ready, 14 tools"))
	s.picture("servers")

	s.addProvider("OpenAI", proxy.URL()+"/v1", "gpt-4o")
	s.picture("settings")

	// A message, the question, the call and the answer.
	s.page("Chat")
	s.click(driver.Text("New chat").Kind("Action"))
	s.say("SAY-IT-BACK: please have the server say it back.")
	s.see(driver.Text("Allow once"))
	s.see(driver.Contains("over the bridge"))
	s.picture("question")
	s.click(driver.Text("Allow once"))
	s.see(driver.Contains("The tool on your computer answered"))
	s.see(driver.Like(`^Open everything · echo · `))
	s.picture("answer")

	first := s.request(proxy, 0)
	if !first.offers("everything__echo") || !first.offers("files__read_text_file") {
		t.Errorf("the first request offers %v", first.tools())
	}
	second := s.request(proxy, 1)
	if !strings.Contains(second.text, "Echo: over the bridge") {
		t.Errorf("the tool's result is not in %s", second.text)
	}

	// The tool is switched off, and the model is not offered it.
	s.click(driver.Text("Choose the tools"))
	s.fill("Search tools", "echo")
	s.see(driver.Text("Use everything echo"))
	s.see(driver.Like(`^15 of 15 · [\d.]+k? tokens$`))
	s.see(driver.Like(`^Each request takes about [\d.]+k tokens .*OpenAI takes at most 128`))
	s.picture("tools")
	s.click(driver.Text("Use everything echo"))
	s.see(driver.Text("Use everything echo").Where("off", func(n driver.Node) bool { return !n.Checked }))
	s.click(driver.Text("Done"))
	s.say("WHAT-IS-LEFT now?")
	s.see(driver.Contains("I can only use what is left"))
	third := s.request(proxy, 2)
	if third.offers("everything__echo") || !third.offers("everything__get-sum") || !third.offers("files__read_text_file") {
		t.Errorf("after echo was switched off, the request offers %v", third.tools())
	}

	s.branches(proxy)
	s.retries(proxy)

	// The program is killed in the middle of its life, and everything is there.
	s.app.Kill()
	s.open()
	s.click(driver.Contains("Over the bridge and back").Kind("row"))
	s.see(driver.Contains("The second try went through."))
	s.see(driver.Contains("That was said better"))
	s.picture("after-restart")
	s.page("Servers")
	s.see(driver.Contains("ready, 14 tools"))
	s.quit()

	s.keptNowhere(modelKey)
	s.keptNowhere(serverToken)
	for _, r := range proxy.Requests() {
		if r.Header.Get("Authorization") != "Bearer "+modelKey {
			t.Errorf("%s went out with %q", r.Path, r.Header.Get("Authorization"))
		}
		for _, secret := range []string{modelKey, serverToken} {
			if strings.Contains(string(r.Body), secret) {
				t.Errorf("a secret is in the request %s", r.Body)
			}
		}
	}
	left, err := s.desk.Processes()
	s.must(err)
	for _, p := range left {
		if strings.Contains(p.Command, "modelcontextprotocol") {
			t.Errorf("a server outlives the program: %v", p)
		}
	}
}

// branches edits a message and has an answer made again, and goes from one
// branch to the other.
func (s *stage) branches(proxy *standin.Proxy) {
	s.t.Helper()
	s.see(driver.Text("Over the bridge and back").Kind("row")) // the title came aside
	s.click(driver.Text("Edit message").Last())
	s.see(driver.Contains("Editing a message"))
	s.picture("editing")
	s.say("SAID-BETTER, please.")
	s.see(driver.Contains("That was said better"))
	s.see(driver.Like(`^2 of 2\b`).Kind("foot"))
	s.gone(driver.Contains("I can only use what is left"))
	s.gone(driver.Contains("WHAT-IS-LEFT"))
	s.click(driver.Text("Show the one before"))
	s.see(driver.Contains("I can only use what is left"))
	s.see(driver.Like(`^1 of 2\b`).Kind("foot"))
	s.gone(driver.Contains("That was said better"))
	s.picture("branch")
	s.click(driver.Text("Show the one after"))
	s.see(driver.Contains("That was said better"))

	edited := s.request(proxy, 3)
	if !strings.Contains(edited.text, "SAID-BETTER") || !strings.Contains(edited.text, "SAY-IT-BACK") || strings.Contains(edited.text, "WHAT-IS-LEFT") {
		s.t.Errorf("after the message was edited, the request is %s", edited.text)
	}
	s.click(driver.Text("Regenerate answer").Last())
	again := s.request(proxy, 4)
	if again.text != edited.text {
		s.t.Errorf("the answer was made again with %s", again.text)
	}
	s.see(driver.Like(`^2 of 2 · .*3\.7k in, 21 out$`).Kind("foot"))
	s.see(driver.Contains("That was said better"))
	s.picture("regenerated")
}

// retries has the provider refuse a request for now: the program counts down,
// and asks again by itself.
func (s *stage) retries(proxy *standin.Proxy) {
	s.t.Helper()
	s.say("TOO-MANY at once?")
	s.see(driver.Like(`Trying again in \d+ s · 2 of 4 · .*Slow down, please`))
	s.picture("retrying")
	s.see(driver.Contains("The second try went through."))
	s.gone(driver.Contains("Trying again"))
	if a, b := s.request(proxy, 5), s.request(proxy, 6); a.text != b.text || !strings.Contains(a.text, "TOO-MANY") {
		s.t.Errorf("what was repeated is\n%s\nand then\n%s", a.text, b.text)
	}
}

// addByCommand adds a server by its command, with a look at the review.
func (s *stage) addByCommand(name, command, arguments string) {
	s.t.Helper()
	s.page("Servers")
	s.click(driver.Text("Add server").Kind("Action").First())
	s.fill("Name", name)
	s.fill("Command", command)
	s.fill("Arguments", arguments)
	s.click(driver.Text("Continue"))
	s.see(driver.Text("Review what will run"))
	s.see(driver.Contains(command))
	s.see(driver.Contains(strings.Trim(arguments, "'")))
	s.picture("review-" + name)
	s.click(driver.Text("Add and start"))
	s.see(driver.Like(`^Command · ready, \d+ tools, [\d.]+ m?s$`))
}

// addByPaste adds servers by a block of JSON, as READMEs have it.
func (s *stage) addByPaste(servers map[string]any) {
	s.t.Helper()
	text, err := json.Marshal(map[string]any{"mcpServers": servers})
	s.must(err)
	s.page("Servers")
	s.click(driver.Text("Add server").Kind("Action").First())
	s.click(driver.Text("Add by Paste"))
	s.fill("Text", string(text))
	s.click(driver.Text("Continue"))
	s.see(driver.Text("Found 1 server"))
	s.click(driver.Text("Continue"))
	s.see(driver.Text("Review what will run"))
	s.see(driver.Contains("FILES_API_TOKEN=‹secret›"))
	s.picture("review-pasted")
	s.click(driver.Text("Add and start"))
	s.gone(driver.Text("Review what will run"))
}

// addProvider adds a service with a key and chooses one of its models.
func (s *stage) addProvider(name, address, model string) {
	s.t.Helper()
	s.page("Settings")
	s.click(driver.Text("Add provider").Kind("Action"))
	s.click(driver.Text("Set up " + name))
	s.fill("Base URL", address)
	s.fillSecret("API key", modelKey)
	s.picture("provider")
	s.click(driver.Text("Save").Kind("Action"))
	s.see(driver.Contains("It answers and offers 5 models"))
	s.click(driver.Text(model).Kind("Words"))
	s.see(driver.Text("Model of " + name))
	s.see(driver.Contains("key stored"))
	// The first service with a key is that of new chats, and the rehearsal is not.
	s.see(driver.Text("Use Rehearsal (no AI) for new chats"))
	s.gone(driver.Text("Use " + name + " for new chats"))
}

// A modelRequest is what went to the model.
type modelRequest struct {
	text string
	body struct {
		Tools []struct {
			Name string `json:"name"`
		} `json:"tools"`
	}
}

// request waits for a request to the Responses API, counted from 0. That for the
// title, which offers no tools and comes at any time, does not count.
func (s *stage) request(proxy *standin.Proxy, index int) (m modelRequest) {
	s.t.Helper()
	r, err := proxy.Wait(s.ctx, index, func(r standin.Request) bool {
		return r.Path == "/v1/responses" && bytes.Contains(r.Body, []byte(`"tools":`))
	})
	s.must(err)
	m.text = string(r.Body)
	s.must(json.Unmarshal(r.Body, &m.body))
	return m
}

func (m modelRequest) tools() (names []string) {
	for _, tool := range m.body.Tools {
		names = append(names, tool.Name)
	}
	return names
}

func (m modelRequest) offers(name string) bool {
	for _, tool := range m.body.Tools {
		if tool.Name == name {
			return true
		}
	}
	return false
}
