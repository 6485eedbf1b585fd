package setup

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/drawbridge-app/drawbridge/store"
)

// Bounds of a bundle. Those of real ones are far below.
const (
	maxArchive   = 100 << 20
	maxUnpacked  = 400 << 20
	maxFiles     = 50_000
	maxDirectory = 12 << 20 // of the list of files in the archive
	maxManifest  = 512 << 10
	maxNameDepth = 40
	maxName      = 400
)

// OpenBundle reads and checks a bundle without unpacking it. The error wraps
// store.ErrInvalid and says what is wrong, or what the system said.
func OpenBundle(ctx context.Context, name string) (*Bundle, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("open the bundle: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, badBundle("%s is no file", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open the bundle: %w", err)
	}
	defer f.Close()
	return readBundle(ctx, f, name)
}

func readBundle(ctx context.Context, f *os.File, name string) (*Bundle, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("open the bundle: %w", err)
	}
	if info.Size() > maxArchive {
		return nil, badBundle("it is larger than 100 MB")
	}
	hash := sha256.New()
	if n, err := io.Copy(hash, stopping{ctx, io.NewSectionReader(f, 0, maxArchive+1)}); err != nil {
		return nil, fmt.Errorf("read the bundle: %w", err)
	} else if n != info.Size() {
		return nil, badBundle("it changed while it was read")
	}
	list, err := archive(f, info.Size())
	if err != nil {
		return nil, err
	}
	b := &Bundle{Path: name, Hash: hex.EncodeToString(hash.Sum(nil)), inside: map[string]bool{}}
	var text []byte
	for _, e := range list {
		if e.FileInfo().IsDir() {
			continue
		}
		b.inside[trimDot(e.Name)] = true
		b.Files++
		b.Bytes += int64(e.UncompressedSize64)
		if trimDot(e.Name) == "manifest.json" {
			if text, err = readEntry(e, maxManifest); err != nil {
				return nil, err
			}
		}
	}
	if text == nil {
		return nil, badBundle("it has no manifest.json")
	}
	if b.manifest, err = parseManifest(text); err != nil {
		return nil, err
	}
	if p := trimDot(b.manifest.Server.EntryPoint); p != "" && b.manifest.Server.Type != "binary" && !b.inside[p] {
		return nil, badBundle("the file that starts it, %.200q, is not in it", p)
	}
	m := b.manifest
	b.Name, b.Version, b.Author, b.Description = m.Name, m.Version, m.author(), m.Description
	b.Title = cmp.Or(m.DisplayName, m.Name)
	return b, nil
}

func trimDot(name string) string { return strings.TrimPrefix(name, "./") }

// stopping is a reader that ends with a context.
type stopping struct {
	ctx context.Context
	r   io.Reader
}

func (s stopping) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, context.Cause(s.ctx)
	}
	return s.r.Read(p)
}

// archive lists the files of an archive, all of which have names that stay
// inside, are plain files or folders, and do not promise too much.
func archive(r io.ReaderAt, length int64) ([]*zip.File, error) {
	if err := boundedDirectory(r, length); err != nil {
		return nil, err
	}
	z, err := zip.NewReader(r, length)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, badBundle("it is no archive that can be read (%s)", oneLine(err.Error()))
	}
	if len(z.File) > maxFiles {
		return nil, badBundle("it has more than %d files", maxFiles)
	}
	var total uint64
	seen := map[string]bool{}
	folders := map[string]bool{}
	for _, e := range z.File {
		name := trimDot(e.Name)
		switch mode := e.Mode(); {
		case len(e.Name) > maxName || strings.Count(e.Name, "/") > maxNameDepth || !localName(e.Name):
			return nil, badBundle("it has a file whose name leads outside of it or that some system does not take (%.200q)", e.Name)
		case mode&fs.ModeSymlink != 0:
			return nil, badBundle("it has a link in it (%.200q), which could lead anywhere", e.Name)
		case !mode.IsRegular() && !mode.IsDir() || mode&(fs.ModeSetuid|fs.ModeSetgid) != 0:
			return nil, badBundle("it has something in it that is no plain file (%.200q)", e.Name)
		case mode.IsDir() != strings.HasSuffix(e.Name, "/"):
			return nil, badBundle("it has something in it that is both a file and a folder (%.200q)", e.Name)
		case e.Flags&1 != 0:
			return nil, badBundle("it is locked with a password")
		}
		key := strings.ToLower(strings.TrimSuffix(name, "/"))
		if seen[key] || !e.FileInfo().IsDir() && folders[key] {
			return nil, badBundle("it has the file %.200q twice", e.Name)
		}
		if !e.FileInfo().IsDir() {
			seen[key] = true
		}
		for i := strings.LastIndexByte(key, '/'); i > 0; i = strings.LastIndexByte(key[:i], '/') {
			if folders[key[:i]] {
				break
			}
			folders[key[:i]] = true
		}
		if e.UncompressedSize64 > maxUnpacked {
			total = maxUnpacked
		}
		if total += e.UncompressedSize64; total > maxUnpacked {
			return nil, badBundle("it unpacks to more than %d MB", maxUnpacked>>20)
		}
	}
	for key := range seen {
		if folders[key] {
			return nil, badBundle("it has something in it that is both a file and a folder (%.200q)", key)
		}
	}
	return z.File, nil
}

// boundedDirectory looks at the end of an archive, where its list of files is
// described, and refuses one whose list is larger than that of any real bundle:
// the list is read into memory as a whole.
func boundedDirectory(r io.ReaderAt, length int64) error {
	const end = 22
	tail := make([]byte, min(length, end+1<<16))
	if _, err := r.ReadAt(tail, length-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the bundle: %w", err)
	}
	for i := len(tail) - end; i >= 0; i-- {
		if !bytes.HasPrefix(tail[i:], []byte("PK\x05\x06")) {
			continue
		}
		if comment := int(binary.LittleEndian.Uint16(tail[i+20:])); i+end+comment > len(tail) {
			continue
		}
		records := binary.LittleEndian.Uint16(tail[i+10:])
		size := int64(binary.LittleEndian.Uint32(tail[i+12:]))
		offset := int64(binary.LittleEndian.Uint32(tail[i+16:]))
		at := length - int64(len(tail)) + int64(i)
		if records == 0xFFFF || size == 0xFFFFFFFF || offset == 0xFFFFFFFF {
			return badBundle("it has more files, or is larger, than any bundle")
		}
		if at-min(offset, at-size) > maxDirectory {
			return badBundle("its list of files is too long")
		}
		return nil
	}
	return badBundle("it is no archive (.mcpb and .dxt files are zip archives)")
}

func readEntry(e *zip.File, limit int64) ([]byte, error) {
	if e.UncompressedSize64 > uint64(limit) {
		return nil, badBundle("its %.100s is larger than %d kB", e.Name, limit>>10)
	}
	r, err := e.Open()
	if err != nil {
		return nil, badBundle("its %.100s cannot be read (%s)", e.Name, oneLine(err.Error()))
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil || int64(len(text)) > limit {
		return nil, badBundle("its %.100s cannot be read whole", e.Name)
	}
	return text, nil
}

// Install unpacks the bundle into Dir, whole or not at all, from a copy of its
// own whose hash is that of what was looked at. remove takes it back; where the
// same bundle was there already, it does nothing. The error wraps
// store.ErrInvalid when the bundle is another by now.
func (b *Bundle) Install(ctx context.Context) (remove func() error, err error) {
	parent := filepath.Dir(b.Dir)
	if _, err := os.Stat(b.Dir); err == nil {
		return func() error { return nil }, nil
	}
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder for bundles: %w", err)
	}
	work, err := os.MkdirTemp(parent, ".new-")
	if err != nil {
		return nil, fmt.Errorf("make the folder for the bundle: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	copied, err := b.copy(ctx, filepath.Join(work, "bundle"))
	if err != nil {
		return nil, err
	}
	defer copied.Close()
	info, err := copied.Stat()
	if err != nil {
		return nil, fmt.Errorf("read the bundle: %w", err)
	}
	list, err := archive(copied, info.Size())
	if err != nil {
		return nil, err
	}
	files := filepath.Join(work, "files")
	if err := b.unpack(ctx, list, files); err != nil {
		return nil, err
	}
	if err := os.Rename(files, b.Dir); err != nil {
		return nil, fmt.Errorf("put the bundle in its place: %w", err)
	}
	return func() error { return os.RemoveAll(b.Dir) }, nil
}

// copy takes a copy that nobody else changes, and checks that it is what was
// looked at.
func (b *Bundle) copy(ctx context.Context, to string) (_ *os.File, err error) {
	from, err := os.Open(b.Path)
	if err != nil {
		return nil, fmt.Errorf("open the bundle: %w", err)
	}
	defer from.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("copy the bundle: %w", err)
	}
	hash := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, hash), stopping{ctx, io.LimitReader(from, maxArchive+1)})
	if err == nil && hex.EncodeToString(hash.Sum(nil)) != b.Hash {
		err = fmt.Errorf("the bundle %s has changed since you looked at it; open it again (%w)", b.Path, store.ErrInvalid)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("copy the bundle: %w", err), out.Close())
	}
	return out, nil
}

// unpack writes the files below dir. The root that they are written through
// has no way out, whatever their names are.
func (b *Bundle) unpack(ctx context.Context, list []*zip.File, dir string) (err error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("unpack the bundle: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("unpack the bundle: %w", err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	program := trimDot(b.manifest.Server.EntryPoint)
	for _, e := range list {
		name := filepath.FromSlash(trimDot(e.Name))
		if e.FileInfo().IsDir() {
			if err := root.MkdirAll(strings.TrimSuffix(name, string(filepath.Separator)), 0o700); err != nil {
				return fmt.Errorf("unpack the bundle: %w", err)
			}
			continue
		}
		if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return fmt.Errorf("unpack the bundle: %w", err)
		}
		mode := fs.FileMode(0o600)
		if e.Mode()&0o111 != 0 || b.manifest.Server.Type == "binary" && (trimDot(e.Name) == program || b.runs(trimDot(e.Name))) {
			mode = 0o700
		}
		if err := unpackOne(ctx, root, e, name, mode); err != nil {
			return err
		}
	}
	return nil
}

// runs reports whether the manifest's command is that file.
func (b *Bundle) runs(name string) bool {
	c := b.manifest.Server.Config
	if c == nil {
		return false
	}
	for _, command := range append([]string{c.Command}, overridden(c)...) {
		if strings.TrimPrefix(trimDot(command), "${__dirname}/") == name {
			return true
		}
	}
	return false
}

func overridden(c *mcpConfig) []string {
	var out []string
	for _, o := range c.Overrides {
		out = append(out, o.Command)
	}
	return out
}

func unpackOne(ctx context.Context, root *os.Root, e *zip.File, name string, mode fs.FileMode) (err error) {
	r, err := e.Open()
	if err != nil {
		return badBundle("its file %.200q cannot be read (%s)", e.Name, oneLine(err.Error()))
	}
	defer r.Close()
	w, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return fmt.Errorf("unpack the bundle: %w", err)
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	n, err := io.Copy(w, stopping{ctx, io.LimitReader(r, int64(e.UncompressedSize64)+1)})
	switch {
	case errors.Is(err, zip.ErrChecksum) || errors.Is(err, zip.ErrFormat) || errors.Is(err, io.ErrUnexpectedEOF):
		return badBundle("its file %.200q is damaged", e.Name)
	case err != nil:
		return fmt.Errorf("unpack the bundle: %w", err)
	case uint64(n) != e.UncompressedSize64:
		return badBundle("its file %.200q is larger than it says", e.Name)
	}
	return nil
}
