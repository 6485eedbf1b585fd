package shell

import (
	"fmt"
	"slices"

	"github.com/drawbridge-app/drawbridge/app/ui/servers"
	"github.com/drawbridge-app/drawbridge/bridge"
)

// trayActions is what the tray's menu does. Each may be called from any
// goroutine.
type trayActions struct {
	open    func()
	newChat func()
	servers func()
	// raise raises the bridge, or lowers it where it is raised.
	raise func()
	quit  func()
	// lost is called when the tray went away and does not come back, so that a
	// hidden window can be reached again.
	lost func()
}

// The menu's fixed entries.
const (
	trayOpen    = "Open Drawbridge"
	trayNewChat = "New chat"
	trayServers = "Servers"
	trayRaise   = "Raise the bridge"
	trayLower   = "Lower the bridge"
	trayQuit    = "Quit"
)

// trayMax bounds how many servers the menu lists; the page shows the rest.
const trayMax = 24

// trayLabels says in a few words how each server is.
func trayLabels(views []bridge.ServerView) []string {
	labels := make([]string, 0, min(len(views), trayMax+1))
	for i, v := range views {
		if i == trayMax {
			labels = append(labels, fmt.Sprintf("%d more…", len(views)-trayMax))
			break
		}
		labels = append(labels, v.Server.Name+" · "+servers.Words(v))
	}
	return labels
}

// raiseLabel is the entry of the switch.
func raiseLabel(raised bool) string {
	if raised {
		return trayLower
	}
	return trayRaise
}

// latest hands the newest value to one reader and forgets those before it.
type latest[T any] chan T

func (l latest[T]) put(v T) {
	for {
		select {
		case l <- v:
			return
		default:
		}
		select {
		case <-l:
		default:
		}
	}
}

// changedLabels reports whether the menu has to be touched at all.
func changedLabels(was, is []string) bool { return !slices.Equal(was, is) }
