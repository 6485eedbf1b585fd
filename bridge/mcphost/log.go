package mcphost

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"
)

// The measures of a server's log.
const (
	logRing     = 52 << 10  // bytes kept in memory, up to a quarter more at times
	logLineMax  = 4 << 10   // bytes of a line; a longer one is cut into several
	logFileMax  = 1 << 20   // bytes of a file before it is rotated; one old file stays
	logPerSec   = 256 << 10 // bytes that go to the file in a second; a flood is left out
	logOnFailed = 20        // lines that Status.Log shows
)

// serverLog keeps the last lines of a server in memory and all within reason
// in a file. Lines come in without secrets. Any goroutine may use it.
type serverLog struct {
	path   string // empty: memory alone
	record recorder

	watch   sync.Mutex    // protects changed
	changed chan struct{} // closed at the next change; nil if nobody waits

	mu      sync.Mutex // protects what follows
	ring    []LogLine
	bytes   int
	file    *os.File
	size    int64
	second  time.Time // in which spent counts
	spent   int
	dropped int
	broken  bool // the file cannot be written; memory goes on
	closed  bool
}

var plainID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// newServerLog makes a log for the server; its file is made with the first
// line. An id that would not do as a file's name is replaced by its hash.
func newServerLog(dir, id string) *serverLog {
	if dir == "" {
		return &serverLog{}
	}
	name := id
	if !plainID.MatchString(id) {
		sum := sha256.Sum256([]byte(id))
		name = "server-" + hex.EncodeToString(sum[:8])
	}
	return &serverLog{path: filepath.Join(dir, name+".log")}
}

// add appends a line of this program.
func (l *serverLog) add(line string) { l.put(LogHost, "info", line) }

// wrote appends a line that the server wrote.
func (l *serverLog) wrote(line string) { l.put(LogServer, guessLevel(line), line) }

func (l *serverLog) put(from LogSource, level, line string) {
	line = logLine(line)
	defer l.say()
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	for len(line) > logLineMax {
		piece := cut(line, logLineMax)
		l.append(LogLine{now, from, level, piece})
		line = line[len(piece)-len("…"):]
	}
	l.append(LogLine{now, from, level, line})
}

func (l *serverLog) append(line LogLine) {
	l.ring = append(l.ring, line)
	l.bytes += len(line.Text) + 1
	l.bound()
	l.write(line.Text)
}

// bound forgets the oldest lines where there are too many. The lock is held.
func (l *serverLog) bound() {
	// Dropping many at once keeps a flood cheap.
	if drop := 0; l.bytes > logRing+logRing/4 {
		for l.bytes > logRing && drop < len(l.ring)-1 {
			l.bytes -= len(l.ring[drop].Text) + 1
			drop++
		}
		n := copy(l.ring, l.ring[drop:])
		clear(l.ring[n:])
		l.ring = l.ring[:n]
	}
}

// write puts the line into the file, unless this second has had its share.
func (l *serverLog) write(line string) {
	if l.path == "" || l.broken || l.closed {
		return
	}
	now := time.Now()
	if now.Sub(l.second) >= time.Second {
		l.second, l.spent = now, 0
	}
	if l.spent > logPerSec {
		l.dropped++
		return
	}
	stamp := now.UTC().Format("2006-01-02T15:04:05.000Z ")
	text := stamp + line + "\n"
	if l.dropped > 0 {
		text = stamp + "… lines came too fast; some are left out here\n" + text
		l.dropped = 0
	}
	if l.file != nil && l.size+int64(len(text)) > logFileMax {
		l.file.Close()
		l.file = nil
		l.broken = os.Rename(l.path, l.path+".1") != nil
	}
	if l.file == nil && !l.broken {
		l.open()
	}
	if l.broken {
		return
	}
	n, err := l.file.WriteString(text)
	l.size += int64(n)
	l.spent += n
	l.broken = err != nil
}

func (l *serverLog) open() {
	l.broken = true
	if err := os.MkdirAll(filepath.Dir(l.path), 0o700); err != nil {
		return
	}
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return
	}
	info, err := f.Stat()
	if err != nil || f.Chmod(0o600) != nil && !windows {
		f.Close()
		return
	}
	l.file, l.size, l.broken = f, info.Size(), false
}

// lines returns the last n lines, or all there are for 0.
func (l *serverLog) lines(n int) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	from := 0
	if n > 0 && len(l.ring) > n {
		from = len(l.ring) - n
	}
	var out []string
	for _, line := range l.ring[from:] {
		out = append(out, line.Text)
	}
	return out
}

// close closes the file, once after has ended. Lines that come later are kept
// in memory alone.
func (l *serverLog) close(after <-chan struct{}) {
	end := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.closed = true
		if l.file != nil {
			l.file.Close()
			l.file = nil
		}
	}
	if after == nil {
		end()
		return
	}
	go func() { <-after; end() }()
}

// lineSplitter turns a stream into lines. A line that does not end is cut at
// logLineMax, so that a stream without any newline costs no memory.
type lineSplitter struct {
	held []byte
	line func(string)
}

func (s *lineSplitter) write(p []byte) {
	for len(p) > 0 {
		i := indexNewline(p)
		if i < 0 {
			s.held = append(s.held, p...)
			for len(s.held) > logLineMax {
				s.line(string(s.held[:logLineMax]))
				s.held = append(s.held[:0], s.held[logLineMax:]...)
			}
			return
		}
		s.held = append(s.held, p[:i]...)
		s.flush()
		p = p[i+1:]
	}
}

// flush passes on an unfinished line.
func (s *lineSplitter) flush() {
	if len(s.held) > 0 {
		s.line(string(s.held))
		s.held = s.held[:0]
	}
}

// indexNewline finds the end of a line, which a bare carriage return also is:
// progress bars end theirs so.
func indexNewline(p []byte) int {
	for i, c := range p {
		if c == '\n' || c == '\r' {
			return i
		}
	}
	return -1
}
