package provider

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

// What a model is told of a call that another model's provider ran, in bytes.
const (
	maxManagedName      = 200
	maxManagedArguments = 2 << 10
	maxManagedContent   = 16 << 10
)

// managedText tells a model of a call that the provider of another entry, or of
// another model, ran itself: this one never made it, and has no item for it.
// The text is bounded, since what a server returned may be of any length; the
// whole of it stays in the history.
func managedText(c store.ManagedCall) string {
	var b strings.Builder
	b.WriteString("[The tool " + clean(c.Tool, maxManagedName) + " of the server " + clean(c.Server, maxManagedName))
	if args := strings.TrimSpace(string(c.Arguments)); args != "" && args != "{}" {
		b.WriteString(", with the arguments " + cut(args, maxManagedArguments))
	}
	switch c.State {
	case store.ManagedAsked:
		b.WriteString(", waited for the person's permission.]")
		return b.String()
	case store.ManagedDone:
	default:
		b.WriteString(", was cut off before it returned.]")
		return b.String()
	}
	said := strings.Join(resultTexts(store.ToolResult{Content: c.Content}, func(store.Image) bool { return false }), "\n")
	if said == "" {
		said = emptyResult
	}
	if c.IsError {
		b.WriteString(", failed:\n")
	} else {
		b.WriteString(", was run and returned:\n")
	}
	b.WriteString(cut(said, maxManagedContent) + "]")
	return b.String()
}

// managedFailure finds the sentence in which OpenAI's API, and those that stand
// in front of it, say that they could not use a server: its label, and further
// on the status that the server answered with.
var (
	managedFailure = regexp.MustCompile(`(?i)\bmcp server:? ?['"‘“]?([A-Za-z0-9_-]{1,128})`)
	managedStatus  = regexp.MustCompile(`(?i)http status(?: code)?:? ?([1-5][0-9][0-9])\b`)
)

// managedComplaint reports whether a complaint is about a server that the
// service connects to itself: its label, empty if it does not say, and the
// words for why.
func managedComplaint(status int, c complaint) (label, why string, ok bool) {
	m := managedFailure.FindStringSubmatchIndex(c.message)
	lower := strings.ToLower(c.message)
	if status != http.StatusFailedDependency && (m == nil || !strings.Contains(lower, "error retrieving tool list") && !strings.Contains(lower, "connect")) {
		return "", "", false
	}
	rest := c.message
	if m != nil {
		label, rest = c.message[m[2]:m[3]], c.message[m[1]:]
		if label == "at" {
			label = "" // an address follows, and no name
		}
	}
	answered := 0
	if s := managedStatus.FindStringSubmatch(rest); s != nil {
		answered, _ = strconv.Atoi(s[1]) // three digits
	}
	switch answered {
	case 0, http.StatusFailedDependency:
		why = c.message
	case http.StatusUnauthorized, http.StatusForbidden:
		why = fmt.Sprintf("the server refused its token (%d)", answered)
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		why = fmt.Sprintf("there is no MCP server at its address (%d)", answered)
	default:
		why = fmt.Sprintf("the server answered with the status %d", answered)
	}
	return label, why, true
}

// managedError says that a service cannot use a server. Its Server is the label
// as yet; nameManaged puts the id in its place.
func (e *endpoint) managedError(status int, label, why string) *model.Error {
	which := "a server that it connects to itself"
	if label != "" {
		which = "the server " + label
	}
	if why != "" {
		why = ": " + strings.TrimRight(why, ".")
	}
	err := e.errorf(model.ErrorManaged, status, nil,
		"%s cannot use %s%s. Check the server's address and token, or run it client-side instead: then Drawbridge connects to it itself.", e.cfg.Title(), which, why)
	err.Server = label
	return err
}

// nameManaged puts the id of the server into an error that names its label, and
// nothing where no server of the request has it.
func nameManaged(servers []model.ManagedServer, err error) error {
	var e *model.Error
	if errors.As(err, &e) && e.Kind == model.ErrorManaged {
		id := managedLabels(servers)[e.Server]
		for _, m := range servers {
			if id == "" && (m.Server == e.Server || len(servers) == 1) {
				id = m.Server // named by its id already, or it can be no other
			}
		}
		e.Server = id
	}
	return err
}
