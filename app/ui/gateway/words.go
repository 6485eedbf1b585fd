package gateway

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/layout"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/store"
)

// tight stacks lines that belong together.
func tight() fyne.Layout { return layout.NewCustomPaddedVBoxLayout(-6) }

// ago says how long ago something was.
func ago(now, at time.Time) string {
	switch d := now.Sub(at); {
	case d < 10*time.Second:
		return say.T("just now")
	case d < time.Minute:
		return say.F("%d s ago", int(d.Seconds()))
	case d < time.Hour:
		return say.F("%d min ago", int(d.Minutes()))
	case d < 24*time.Hour:
		return say.F("%d h ago", int(d.Hours()))
	case d < 48*time.Hour:
		return say.T("yesterday")
	case d < 30*24*time.Hour:
		days := int(d.Hours() / 24)
		return say.N(days, "%d day ago", "%d days ago", days)
	}
	return say.F("on %s", day(at))
}

func day(at time.Time) string { return say.Date(at.Local(), "2 Jan 2006") }

// until says when something ends.
func until(now, at time.Time) string {
	switch d := at.Sub(now); {
	case d <= 0:
		return say.F("expired %s", ago(now, at))
	case d < time.Hour:
		return say.F("expires in %d min", int(d.Minutes())+1)
	case d < 48*time.Hour:
		return say.F("expires in %d h", int(d.Hours())+1)
	}
	return say.F("expires on %s", day(at))
}

// limitWords says in a line, without a capital, what limits allow; key says
// that they are a key's.
func limitWords(l store.Limits, key bool) string {
	var parts []string
	add := func(text string) { parts = append(parts, text) }
	switch seen := names(l.Servers); {
	case l.Servers == nil && l.Groups == nil:
		add(say.T("all servers"))
	case len(l.Servers) == 0 && len(l.Groups) == 0:
		add(say.T("no server"))
	case len(l.Groups) == 0:
		add(say.F("servers %s", seen))
	case len(l.Servers) == 0:
		add(say.F("groups %s", names(l.Groups)))
	default:
		add(say.F("servers %s and groups %s", seen, names(l.Groups)))
	}
	switch {
	case len(l.Tools) > 0:
		add(say.F("tools %s", names(l.Tools)))
	case l.Tools != nil:
		add(say.T("no tool"))
	}
	if l.CallsPerMinute > 0 {
		add(say.N(l.CallsPerMinute, "%s call a minute", "%s calls a minute", grouped(int64(l.CallsPerMinute))))
	}
	if l.CallsPerDay > 0 {
		add(say.N(l.CallsPerDay, "%s call a day", "%s calls a day", grouped(int64(l.CallsPerDay))))
	}
	switch {
	case l.Models != nil:
		add(modelWords(*l.Models))
	case key:
		add(say.T("no models"))
	}
	if l.MayApprove {
		add(say.T("may approve"))
	}
	if l.NoApprove {
		add(say.T("its apps may not approve"))
	}
	return strings.Join(parts, " · ")
}

func modelWords(m store.ModelAccess) string {
	text := say.T("all models")
	switch {
	case len(m.Models) > 0:
		text = say.F("models %s", names(m.Models))
	case m.Models != nil || m.Providers != nil && len(m.Providers) == 0:
		text = say.T("no models")
	case m.Providers != nil:
		text = say.F("models of %s", names(m.Providers))
	}
	if m.TokensPerDay > 0 {
		text += ", " + say.N(int(m.TokensPerDay), "%s token a day", "%s tokens a day", grouped(m.TokensPerDay))
	}
	if m.CostPerDay > 0 {
		text += ", " + say.F("$%s a day", strconv.FormatFloat(m.CostPerDay, 'f', -1, 64))
	}
	return text
}

// namesMost is how many names a line lists.
const namesMost = 4

func names(list []string) string {
	shown := make([]string, 0, namesMost)
	for i, n := range list {
		if i == namesMost {
			return say.F("%s and %d more", strings.Join(shown, ", "), len(list)-namesMost)
		}
		shown = append(shown, form.Visible(n, false))
	}
	return strings.Join(shown, ", ")
}

// capital begins a text with a capital.
func capital(text string) string {
	r, n := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(r)) + text[n:]
}

// grouped writes a number with its thousands apart.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
