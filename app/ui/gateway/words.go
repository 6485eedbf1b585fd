package gateway

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/layout"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/store"
)

// tight stacks lines that belong together.
func tight() fyne.Layout { return layout.NewCustomPaddedVBoxLayout(-6) }

// ago says how long ago something was.
func ago(now, at time.Time) string {
	switch d := now.Sub(at); {
	case d < 10*time.Second:
		return "just now"
	case d < time.Minute:
		return fmt.Sprintf("%d s ago", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	case d < 48*time.Hour:
		return "yesterday"
	case d < 30*24*time.Hour:
		return fmt.Sprintf("%d days ago", int(d.Hours()/24))
	}
	return "on " + day(at)
}

func day(at time.Time) string { return at.Local().Format("2 Jan 2006") }

// until says when something ends.
func until(now, at time.Time) string {
	switch d := at.Sub(now); {
	case d <= 0:
		return "expired " + ago(now, at)
	case d < time.Hour:
		return fmt.Sprintf("expires in %d min", int(d.Minutes())+1)
	case d < 48*time.Hour:
		return fmt.Sprintf("expires in %d h", int(d.Hours())+1)
	}
	return "expires on " + day(at)
}

// limitWords says in a line what limits allow; key says that they are a key's.
func limitWords(l store.Limits, key bool) string {
	var parts []string
	add := func(format string, a ...any) { parts = append(parts, fmt.Sprintf(format, a...)) }
	switch seen := names(l.Servers); {
	case l.Servers == nil && l.Groups == nil:
		add("all servers")
	case len(l.Servers) == 0 && len(l.Groups) == 0:
		add("no server")
	case len(l.Groups) == 0:
		add("servers %s", seen)
	case len(l.Servers) == 0:
		add("groups %s", names(l.Groups))
	default:
		add("servers %s and groups %s", seen, names(l.Groups))
	}
	switch {
	case len(l.Tools) > 0:
		add("tools %s", names(l.Tools))
	case l.Tools != nil:
		add("no tool")
	}
	if l.CallsPerMinute > 0 {
		add("%s a minute", count(l.CallsPerMinute, "call"))
	}
	if l.CallsPerDay > 0 {
		add("%s a day", count(l.CallsPerDay, "call"))
	}
	switch {
	case l.Models != nil:
		add("%s", modelWords(*l.Models))
	case key:
		add("no models")
	}
	if l.MayApprove {
		add("may approve")
	}
	if l.NoApprove {
		add("its apps may not approve")
	}
	text := strings.Join(parts, " · ")
	return strings.ToUpper(text[:1]) + text[1:]
}

func modelWords(m store.ModelAccess) string {
	text := "all models"
	switch {
	case len(m.Models) > 0:
		text = "models " + names(m.Models)
	case m.Models != nil || m.Providers != nil && len(m.Providers) == 0:
		text = "no models"
	case m.Providers != nil:
		text = "models of " + names(m.Providers)
	}
	if m.TokensPerDay > 0 {
		text += ", " + grouped(m.TokensPerDay) + " tokens a day"
	}
	if m.CostPerDay > 0 {
		text += ", $" + strconv.FormatFloat(m.CostPerDay, 'f', -1, 64) + " a day"
	}
	return text
}

// namesMost is how many names a line lists.
const namesMost = 4

func names(list []string) string {
	shown := make([]string, 0, namesMost)
	for i, n := range list {
		if i == namesMost {
			return strings.Join(shown, ", ") + fmt.Sprintf(" and %d more", len(list)-namesMost)
		}
		shown = append(shown, form.Visible(n, false))
	}
	return strings.Join(shown, ", ")
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return grouped(int64(n)) + " " + what + "s"
}

// grouped writes a number with its thousands apart.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
