package servers

import (
	"net/url"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/parts"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

// Words says in a few words how a server is: with its tools and what it waits for,
// where parts.State has a word.
func Words(v bridge.ServerView) string {
	switch v.State {
	case mcphost.Held:
		return say.T("waits for your review")
	case mcphost.Ready:
		words := say.N(len(v.Passed), "ready, %d tool", "ready, %d tools", len(v.Passed))
		if v.Took > 0 {
			words += ", " + millis(v.Took)
		}
		return words + toReview(len(v.Held))
	case mcphost.Failed:
		if v.SignIn != nil && v.SignIn.Waiting {
			return say.T("waits for your browser")
		}
		if v.SignIn != nil && v.SignIn.Needed {
			return say.T("asks you to sign in")
		}
	case mcphost.Asleep:
		return say.N(len(v.Passed), "starts when it is needed, %d tool", "starts when it is needed, %d tools", len(v.Passed)) + toReview(len(v.Held))
	}
	return parts.State(v.State)
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

func toReview(n int) string {
	if n == 0 {
		return ""
	}
	return ", " + say.N(n, "%d definition to review", "%d definitions to review", n)
}

func millis(d time.Duration) string {
	if d < time.Millisecond {
		return say.T("under 1 ms")
	}
	if d >= time.Second {
		return say.F("%.1f s", d.Seconds())
	}
	return say.F("%d ms", d.Milliseconds())
}

// kind says how a server is reached.
func kind(c store.ServerConfig) string {
	switch c.Transport {
	case store.TransportStdio:
		return say.T("Command")
	case store.TransportHTTP, store.TransportSSE:
		return "URL"
	case store.TransportOpenAPI:
		return "OpenAPI"
	case store.TransportBuiltin:
		return say.T("Built in")
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
		return say.T("The time anywhere, and the folders that you grant in the settings.")
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
