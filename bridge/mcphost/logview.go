package mcphost

import (
	"context"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"
)

// LogSource says who wrote a line of a server's log.
type LogSource string

// The sources.
const (
	LogHost    LogSource = "host"    // this program, about the server
	LogServer  LogSource = "server"  // the server, to its standard error, or where only messages belong
	LogMessage LogSource = "message" // the server, as a log message of the protocol
)

// LogLine is a line of a server's log. Secrets are replaced by a placeholder.
type LogLine struct {
	At   time.Time
	From LogSource
	// Level is the one of a log message ("Logging" of the specification): debug,
	// info, notice, warning, error, critical, alert or emergency. Of a line that
	// the server just wrote it is a guess by its words; of the host's it is info.
	Level string
	Text  string
}

// LevelRank orders levels: 0 for debug, and more for what is more serious.
func LevelRank(level string) int {
	for i, l := range levels {
		if l == level {
			return i
		}
	}
	return 1 // info
}

// guessLevel looks for the level in a line that has none of its own. Servers
// write all they say to the standard error, so most of it is no error.
func guessLevel(line string) string {
	head := cut(line, 80)
	for _, word := range strings.FieldsFunc(head, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
	}) {
		switch strings.ToLower(word) {
		case "error", "err", "fatal", "panic", "traceback", "exception", "critical":
			return "error"
		case "warn", "warning":
			return "warning"
		case "debug", "trace":
			return "debug"
		case "info", "notice":
			return "info"
		}
	}
	return "info"
}

// logOf returns a server's log; nil if there is no such server.
func (m *Manager) logOf(id string) *serverLog {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s, ok := m.servers[id]; ok {
		return s.log
	}
	return nil
}

// LogLines is Log with what is known of each line.
func (m *Manager) LogLines(id string) []LogLine {
	l := m.logOf(id)
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]LogLine(nil), l.ring...)
}

// ClearLog forgets the lines and messages that are kept in memory. The file
// stays. The function that it returns takes that back, once: they stand before
// those that have come since. Any goroutine may call it.
func (m *Manager) ClearLog(id string) (back func()) {
	l := m.logOf(id)
	if l == nil {
		return func() {}
	}
	l.mu.Lock()
	lines, bytes := l.ring, l.bytes
	l.ring, l.bytes = nil, 0
	l.mu.Unlock()
	messages := l.record.clear()
	l.say()
	var once sync.Once
	return func() {
		once.Do(func() {
			l.mu.Lock()
			l.ring, l.bytes = slices.Concat(lines, l.ring), bytes+l.bytes
			l.bound()
			l.mu.Unlock()
			l.record.before(messages)
			l.say()
		})
	}
}

// logPause lies between two turns of WatchLog, so that a flood costs little.
const logPause = 100 * time.Millisecond

// WatchLog yields at once, and whenever lines or messages have come since, until
// the context ends. There is nothing to yield where there is no such server.
func (m *Manager) WatchLog(ctx context.Context, id string) iter.Seq[struct{}] {
	return func(yield func(struct{}) bool) {
		l := m.logOf(id)
		if l == nil {
			return
		}
		for {
			next := l.wait()
			if !yield(struct{}{}) {
				return
			}
			select {
			case <-next:
			case <-ctx.Done():
				return
			}
			t := time.NewTimer(logPause)
			select {
			case <-t.C:
			case <-ctx.Done():
				t.Stop()
				return
			}
		}
	}
}

// wait returns what is closed at the next change.
func (l *serverLog) wait() <-chan struct{} {
	l.watch.Lock()
	defer l.watch.Unlock()
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	return l.changed
}

// say wakes whoever waits.
func (l *serverLog) say() {
	l.watch.Lock()
	defer l.watch.Unlock()
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}
