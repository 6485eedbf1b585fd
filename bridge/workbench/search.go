package workbench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"
	"unicode/utf8"
)

// The bounds of one search. Where one is met, the answer says so.
const (
	searchTime    = 10 * time.Second
	searchEntries = 200_000
	searchDepth   = 40
	searchBytes   = 256 << 20 // read in all
	searchFile    = 16 << 20  // of one file
	searchResults = 100
	lineShown     = 300 // bytes of a line
	answerMax     = 256 << 10
)

type searchIn struct {
	Path       string `json:"path"`
	Name       string `json:"name"`
	Text       string `json:"text"`
	MaxResults int    `json:"max_results"`
}

// search is one search that runs.
type search struct {
	a       *access
	ctx     context.Context
	name    string // lower case; empty for any
	text    []byte // lower case; empty for none
	max     int
	found   []string
	size    int
	entries int
	read    int64
	stopped string // at which limit
	skipped int    // files that were too long, or could not be read
}

// errStop ends the walk; search.stopped says why.
var errStop = errors.New("stop")

func (s *Server) searchFiles(ctx context.Context, in searchIn) (string, error) {
	if _, err := path.Match(in.Name, ""); err != nil {
		return "", fmt.Errorf("%q is no pattern: a [ in it is not closed", in.Name)
	}
	a := s.access()
	defer a.close()
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	q := &search{a: a, ctx: ctx, name: strings.ToLower(in.Name), text: bytes.ToLower([]byte(in.Text)), max: in.MaxResults}
	if q.max <= 0 {
		q.max = searchResults
	}
	var starts []found
	if in.Path == "" {
		if len(a.grants) == 0 {
			return "", errors.New("no folder has been granted; ask the person to grant one in the settings, under Workbench")
		}
		for _, g := range a.grants {
			f, err := a.follow(g, ".")
			if err != nil {
				continue
			}
			defer f.close()
			starts = append(starts, f)
		}
	} else {
		f, err := a.locate(in.Path)
		if err != nil {
			return "", err
		}
		defer f.close()
		starts = append(starts, f)
	}
	for _, f := range starts {
		err := q.start(f)
		if errors.Is(err, errStop) {
			break
		}
		if err != nil {
			return "", explain(f.full(), err)
		}
	}
	return q.answer(), nil
}

func (q *search) start(f found) error {
	if f.name == "." {
		return q.walk(f.place, 0)
	}
	return q.file(f)
}

// walk searches a folder and those in it. Links are left alone.
func (q *search) walk(p place, depth int) error {
	dir, err := p.root.Open(".")
	if err != nil {
		q.skipped++
		return nil
	}
	defer dir.Close()
	for {
		batch, err := dir.ReadDir(256)
		for _, e := range batch {
			if err := q.entry(p, e, depth); err != nil {
				return err
			}
		}
		if err != nil { // also its end
			return nil
		}
	}
}

func (q *search) entry(p place, e fs.DirEntry, depth int) error {
	if q.entries++; q.entries > searchEntries {
		return q.stop(fmt.Sprintf("after %d entries", searchEntries))
	}
	if q.ctx.Err() != nil {
		return q.stop("because it took too long")
	}
	if privateName(e.Name()) || !e.IsDir() && !e.Type().IsRegular() {
		return nil
	}
	info, err := e.Info()
	if err != nil {
		return nil // it is gone
	}
	if !e.IsDir() {
		return q.file(found{p, e.Name(), info})
	}
	if depth == searchDepth {
		q.skipped++
		return nil
	}
	sub, err := q.a.enter(p, e.Name(), info)
	if err != nil {
		if !errors.Is(err, errPrivate) {
			q.skipped++
		}
		return nil
	}
	defer sub.close()
	return q.walk(sub, depth+1)
}

// file looks at one file.
func (q *search) file(f found) error {
	if q.name != "" {
		if ok, err := path.Match(q.name, strings.ToLower(f.name)); err != nil || !ok {
			return nil
		}
	}
	if q.a.isRefused(f.info) {
		return nil
	}
	if len(q.text) == 0 {
		return q.add(f.full())
	}
	if f.info.Size() > searchFile {
		q.skipped++
		return nil
	}
	file, err := q.a.open(f)
	if err != nil {
		q.skipped++
		return nil
	}
	defer file.Close()
	return q.lines(f.full(), file)
}

// lines looks for the text in a file.
func (q *search) lines(name string, file *os.File) error {
	b, err := io.ReadAll(io.LimitReader(file, searchFile))
	if err != nil {
		q.skipped++
		return nil
	}
	if q.read += int64(len(b)); q.read > searchBytes {
		return q.stop(fmt.Sprintf("after reading %d MiB", searchBytes>>20))
	}
	if !isText(b[:min(len(b), headSize)]) {
		return nil
	}
	for number := 1; len(b) > 0; number++ {
		line, rest, _ := bytes.Cut(b, []byte("\n"))
		b = rest
		if at := bytes.Index(bytes.ToLower(line), q.text); at >= 0 {
			if err := q.add(fmt.Sprintf("%s:%d: %s", name, number, excerpt(line, at))); err != nil {
				return err
			}
		}
	}
	return nil
}

// excerpt shows a line, of a long one the part around the place.
func excerpt(line []byte, at int) string {
	from, to := 0, len(line)
	if to > lineShown {
		from = min(max(0, at-lineShown/3), to)
		to = min(from+lineShown, to)
	}
	for from > 0 && from < len(line) && !utf8.RuneStart(line[from]) {
		from--
	}
	for to < len(line) && !utf8.RuneStart(line[to]) {
		to++
	}
	text := strings.TrimSpace(strings.ToValidUTF8(string(line[from:to]), "\uFFFD"))
	if from > 0 {
		text = "…" + text
	}
	if to < len(line) {
		text += "…"
	}
	return text
}

func (q *search) add(line string) error {
	q.found = append(q.found, line)
	q.size += len(line) + 1
	if len(q.found) >= q.max {
		return q.stop(fmt.Sprintf("after %d results", q.max))
	}
	if q.size > answerMax {
		return q.stop("because the answer became too long")
	}
	return nil
}

func (q *search) stop(why string) error {
	q.stopped = why
	return errStop
}

func (q *search) answer() string {
	text := strings.Join(q.found, "\n")
	if len(q.found) == 0 {
		text = "Nothing was found."
	}
	if q.stopped != "" {
		text += "\n[stopped " + q.stopped + "; there may be more. Search a smaller folder, or for something rarer.]"
	}
	if q.skipped > 0 {
		text += fmt.Sprintf("\n[%d files or folders were left out: too long, too deep, or not readable]", q.skipped)
	}
	return text
}
