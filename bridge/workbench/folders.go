package workbench

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

const (
	linksMax   = 40   // symbolic links on the way to one file
	refusedMax = 4096 // entries of refused places that are remembered
)

var (
	errOutside = errors.New("that path is not inside a folder that the person granted")
	errPrivate = errors.New("that place is never read, also inside a granted folder: it holds keys or this program's own files")
)

// grant is an opened folder that the person granted.
type grant struct {
	path string // as it was granted
	real string // without symbolic links
	root *os.Root
}

// access is what one call may read. It is made for the call and closed after.
type access struct {
	grants  []grant
	home    string // the person's
	refused []os.FileInfo
}

// access opens the granted folders. One that is not there, or that is itself
// refused, is left out.
func (s *Server) access() *access {
	a := &access{home: s.user, refused: s.refusals()}
	for _, path := range s.o.Folders() {
		if !filepath.IsAbs(path) {
			continue
		}
		real, err := filepath.EvalSymlinks(path)
		if err != nil || a.ancestorRefused(real) {
			continue
		}
		root, err := os.OpenRoot(real)
		if err != nil {
			continue
		}
		// What was looked at must be what was opened.
		if info, err := root.Stat("."); err != nil || a.isRefused(info) {
			root.Close()
			continue
		}
		a.grants = append(a.grants, grant{filepath.Clean(path), real, root})
	}
	return a
}

func (a *access) close() {
	for _, g := range a.grants {
		g.root.Close()
	}
}

// refusals identifies the places that are never read, with what is in them, so
// that another name for one (a link, a second mount) is recognised.
func (s *Server) refusals() []os.FileInfo {
	places := []string{s.o.Home}
	if s.user != "" {
		for _, p := range []string{
			".ssh", ".gnupg", ".local/share/keyrings", ".local/share/kwalletd", ".password-store",
			"Library/Keychains", "AppData/Roaming/Microsoft/Credentials", "AppData/Local/Microsoft/Credentials",
			"AppData/Roaming/Microsoft/Protect", "AppData/Local/Microsoft/Vault",
		} {
			places = append(places, filepath.Join(s.user, filepath.FromSlash(p)))
		}
	}
	switch runtime.GOOS {
	case "linux":
		places = append(places, "/proc", "/sys", "/dev")
	case "darwin":
		places = append(places, "/Library/Keychains", "/System/Library/Keychains", "/dev")
	}
	var out []os.FileInfo
	for _, place := range places {
		if place == "" {
			continue
		}
		info, err := os.Stat(place)
		if err != nil {
			continue
		}
		out = append(out, info)
		switch place {
		case "/proc", "/sys", "/dev":
			continue // only what lies in them by name; they are other file systems
		}
		within, err := os.OpenRoot(place)
		if err != nil {
			continue
		}
		err = fs.WalkDir(within.FS(), ".", func(_ string, d fs.DirEntry, err error) error {
			if err != nil {
				return nil // what cannot be listed cannot be linked to either
			}
			if len(out) >= refusedMax {
				return fs.SkipAll
			}
			if info, err := d.Info(); err == nil {
				out = append(out, info)
			}
			return nil
		})
		within.Close()
		if err != nil {
			continue
		}
	}
	return out
}

func (a *access) isRefused(info os.FileInfo) bool {
	return slices.ContainsFunc(a.refused, func(r os.FileInfo) bool { return os.SameFile(r, info) })
}

// ancestorRefused looks at a folder and everything above it.
func (a *access) ancestorRefused(real string) bool {
	for {
		if info, err := os.Stat(real); err != nil || a.isRefused(info) || privateName(filepath.Base(real)) {
			return true
		}
		up := filepath.Dir(real)
		if up == real {
			return false
		}
		real = up
	}
}

// privateName reports whether nothing of that name is read, wherever it lies.
// Endings that a system ignores do not hide it.
func privateName(name string) bool {
	name = strings.ToLower(strings.TrimRight(name, ". "))
	if runtime.GOOS == "windows" {
		name, _, _ = strings.Cut(name, ":") // a stream of the file
	}
	return name == ".ssh" || name == ".gnupg"
}

// place is an opened folder inside a grant, and how it is called.
type place struct {
	root *os.Root
	path string
}

func (p place) close() { p.root.Close() }

// enter opens a folder in another. name is one element and no link.
func (a *access) enter(in place, name string, seen os.FileInfo) (place, error) {
	if privateName(name) {
		return place{}, errPrivate
	}
	root, err := in.root.OpenRoot(name)
	if err != nil {
		return place{}, err
	}
	// The folder may have been exchanged since it was looked at.
	info, err := root.Stat(".")
	switch {
	case err != nil:
	case !os.SameFile(info, seen):
		err = errors.New("the folder changed while it was opened; try again")
	case a.isRefused(info):
		err = errPrivate
	}
	if err != nil {
		root.Close()
		return place{}, err
	}
	return place{root, filepath.Join(in.path, name)}, nil
}

// found is where a path leads: the folder that it is in, and what it is there.
// For a granted folder itself, name is ".".
type found struct {
	place
	name string
	info os.FileInfo
}

// full returns the path of what was found, without links.
func (f found) full() string { return filepath.Join(f.path, f.name) }

// follow walks from a grant to a path inside it, element by element, each in
// the opened folder before, so that nothing on the way is passed unseen.
func (a *access) follow(g grant, rel string) (found, error) {
	todo := elements(rel)
	here := []place{}
	defer func() {
		for _, p := range here {
			p.close()
		}
	}()
	at := func() place {
		if len(here) == 0 {
			return place{g.root, g.real}
		}
		return here[len(here)-1]
	}
	for links := 0; len(todo) > 0; {
		name := todo[0]
		todo = todo[1:]
		switch name {
		case ".":
			continue
		case "..":
			if len(here) == 0 {
				return found{}, errOutside
			}
			here[len(here)-1].close()
			here = here[:len(here)-1]
			continue
		}
		if privateName(name) {
			return found{}, errPrivate
		}
		info, err := at().root.Lstat(name)
		if err != nil {
			return found{}, err
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			if links++; links > linksMax {
				return found{}, errors.New("too many links on the way")
			}
			target, err := at().root.Readlink(name)
			if err != nil {
				return found{}, err
			}
			if filepath.IsAbs(target) {
				inside, ok := g.contains(target)
				if !ok {
					return found{}, errOutside
				}
				for _, p := range here {
					p.close()
				}
				here, target = here[:0], inside
			}
			todo = append(elements(target), todo...)
			continue
		}
		if info.IsDir() {
			next, err := a.enter(at(), name, info)
			if err != nil {
				return found{}, err
			}
			here = append(here, next)
			continue
		}
		if len(todo) > 0 {
			return found{}, fmt.Errorf("%s is no folder", name)
		}
		if a.isRefused(info) {
			return found{}, errPrivate
		}
		// The caller gets a handle of its own.
		dir, err := at().root.OpenRoot(".")
		if err != nil {
			return found{}, err
		}
		return found{place{dir, at().path}, name, info}, nil
	}
	dir, err := at().root.OpenRoot(".")
	if err != nil {
		return found{}, err
	}
	info, err := dir.Stat(".")
	if err != nil {
		dir.Close()
		return found{}, err
	}
	return found{place{dir, at().path}, ".", info}, nil
}

func elements(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r < 0x80 && os.IsPathSeparator(uint8(r)) })
}

// contains returns the part of a full path that lies below the grant.
func (g grant) contains(path string) (rel string, ok bool) {
	for _, base := range []string{g.path, g.real} {
		if rel, err := filepath.Rel(base, filepath.Clean(path)); err == nil && filepath.IsLocal(rel) {
			// Rel has cleaned "..", which a link on the way may give another
			// meaning; the granted folder's own part is plain.
			if rest, cut := strings.CutPrefix(path, base); cut && !strings.Contains(rest, "..") {
				rel = rest
			}
			return rel, true
		}
	}
	return "", false
}

// locate finds what a path names: a full one in the grant that contains it, a
// relative one in the grant that has it.
func (a *access) locate(path string) (found, error) {
	if len(a.grants) == 0 {
		return found{}, errors.New("no folder has been granted; ask the person to grant one in the settings, under Workbench")
	}
	if strings.ContainsRune(path, 0) {
		return found{}, errOutside
	}
	if path == "~" || strings.HasPrefix(path, "~/") {
		path = filepath.Join(a.home, path[1:])
	}
	if filepath.IsAbs(path) {
		var best *grant
		var within string
		for i, g := range a.grants {
			if rel, ok := g.contains(path); ok && (best == nil || len(g.real) > len(best.real)) {
				best, within = &a.grants[i], rel
			}
		}
		if best == nil {
			return found{}, fmt.Errorf("%w; granted are: %s", errOutside, a.list())
		}
		f, err := a.follow(*best, within)
		return f, explain(path, err)
	}
	var hits []found
	var first error
	for _, g := range a.grants {
		f, err := a.follow(g, path)
		switch {
		case err == nil:
			hits = append(hits, f)
		case first == nil || errors.Is(first, fs.ErrNotExist):
			first = err
		}
	}
	switch len(hits) {
	case 0:
		return found{}, explain(path, first)
	case 1:
		return hits[0], nil
	}
	var all []string
	for _, f := range hits {
		all = append(all, f.full())
		f.close()
	}
	return found{}, fmt.Errorf("%s is in several granted folders; use one of these full paths: %s", path, strings.Join(all, ", "))
}

func (a *access) list() string {
	var out []string
	for _, g := range a.grants {
		out = append(out, g.path)
	}
	return strings.Join(out, ", ")
}

// explain phrases why a path cannot be read.
func explain(path string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errOutside), errors.Is(err, errPrivate):
		return fmt.Errorf("%s: %w", path, err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no %s; list_directory shows what there is", path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s may not be read by the person's own account", path)
	}
	var inner *fs.PathError
	if errors.As(err, &inner) {
		err = inner.Err
	}
	return fmt.Errorf("%s cannot be read: %w", path, err)
}

func (s *Server) listFolders(context.Context, struct{}) (string, error) {
	a := s.access()
	defer a.close()
	var usable []string
	for _, g := range a.grants {
		usable = append(usable, g.path)
	}
	var lost []string
	for _, path := range s.o.Folders() {
		if !slices.Contains(usable, filepath.Clean(path)) {
			lost = append(lost, path)
		}
	}
	text := strings.Join(usable, "\n")
	if len(usable) == 0 {
		text = "No folder can be read. Ask the person to grant one in the settings, under Workbench."
	}
	if len(lost) > 0 {
		text += "\nGranted, but not there or not allowed: " + strings.Join(lost, ", ")
	}
	return text, nil
}
