package servers

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

// Words says in a few words how a server is.
func Words(v bridge.ServerView) string {
	switch v.State {
	case mcphost.Disabled:
		return "off"
	case mcphost.Held:
		return "waits for your review"
	case mcphost.Starting:
		return "starting…"
	case mcphost.Ready:
		words := "ready, " + count(len(v.Passed), "tool")
		if v.Took > 0 {
			words += ", " + millis(v.Took)
		}
		if n := len(v.Held); n > 0 {
			words += ", " + count(n, "definition") + " to review"
		}
		return words
	case mcphost.Failed:
		if v.SignIn != nil && v.SignIn.Waiting {
			return "waits for your browser"
		}
		if v.SignIn != nil && v.SignIn.Needed {
			return "asks you to sign in"
		}
		return "failed"
	case mcphost.Stopped:
		return "stopped"
	case mcphost.Asleep:
		words := "starts when it is needed, " + count(len(v.Passed), "tool")
		if n := len(v.Held); n > 0 {
			words += ", " + count(n, "definition") + " to review"
		}
		return words
	}
	return string(v.State)
}

// Attention reports whether a person should look at the server.
func Attention(v bridge.ServerView) bool {
	return v.State == mcphost.Held || v.State == mcphost.Failed || len(v.Held) > 0 || v.Managed.Hold != nil || v.SignIn != nil && v.SignIn.Needed
}

// signInWaits reports whether all that is wrong is that nobody has signed in.
func signInWaits(v bridge.ServerView) bool {
	return v.SignIn != nil && (v.SignIn.Needed || v.SignIn.Waiting)
}

// tone is the colour of the dot.
func tone(v bridge.ServerView) fyne.ThemeColorName {
	switch v.State {
	case mcphost.Ready:
		if len(v.Held) > 0 || v.Managed.Hold != nil {
			return theme.ColorNameWarning
		}
		return theme.ColorNameSuccess
	case mcphost.Failed:
		if signInWaits(v) {
			return theme.ColorNameWarning
		}
		return theme.ColorNameError
	case mcphost.Held:
		return theme.ColorNameWarning
	case mcphost.Starting:
		return theme.ColorNamePrimary
	}
	return theme.ColorNameDisabled
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func millis(d time.Duration) string {
	if d < time.Millisecond {
		return "under 1 ms"
	}
	return fmt.Sprintf("%d ms", d.Milliseconds())
}

// kind says how a server is reached.
func kind(c store.ServerConfig) string {
	switch c.Transport {
	case store.TransportStdio:
		return "Command"
	case store.TransportHTTP, store.TransportSSE:
		return "URL"
	case store.TransportOpenAPI:
		return "OpenAPI"
	case store.TransportBuiltin:
		return "Built in"
	}
	return string(c.Transport)
}

// brief is the command or address in one line; the whole of it is in the
// review and the editor.
func brief(c store.ServerConfig) string {
	switch c.Transport {
	case store.TransportHTTP, store.TransportSSE, store.TransportOpenAPI:
		if u, err := url.Parse(c.URL); err == nil {
			u.RawQuery, u.Fragment = "", ""
			return form.Visible(u.String(), false)
		}
		return form.Visible(c.URL, false)
	case store.TransportBuiltin:
		return "The time anywhere, and the folders that you grant in the settings."
	}
	return form.Visible(strings.Join(append([]string{c.Command}, quoted(c.Args)...), " "), false)
}

// quoted writes each argument as a shell would need it.
func quoted(args []string) []string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = setup.Join(a)
	}
	return out
}

// WholeCommand is the command line, or the address, with nothing left out.
func WholeCommand(c store.ServerConfig) string {
	switch c.Transport {
	case store.TransportHTTP, store.TransportSSE:
		return c.URL
	case store.TransportOpenAPI:
		return c.URL + " (" + c.OpenAPI.Document + ")"
	}
	return strings.Join(append([]string{setup.Join(c.Command)}, quoted(c.Args)...), " ")
}

// nameOf returns the first that is not empty.
func nameOf(names ...string) string {
	for _, n := range names {
		if n != "" {
			return n
		}
	}
	return ""
}
