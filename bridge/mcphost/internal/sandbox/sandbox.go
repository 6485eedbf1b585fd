// Package sandbox keeps a program from files, from the network and from other
// processes, with what the system has for that: bubblewrap, Landlock or
// sandbox-exec.
//
// What a program may do is an Access. Wrap turns it, and the command, into what
// is to be started instead. On Linux that is this program itself, run once more
// as a stage: a process that gets a Stage on its descriptor 3, takes rights away
// from itself and becomes the command, or bubblewrap with the command. Like
// package shim, this package takes such a process over while the program's
// packages are being initialised. What the command is to have in its environment
// reaches it only after that, so that no variable (LD_PRELOAD, say) has code
// run before the rights are gone. Whatever fails ends the stage with Failed and
// a line on its standard error; the command then does not run.
package sandbox

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

// Variable marks, with the value Descriptor, a process that is to be a stage.
const (
	Variable   = "DRAWBRIDGE_SANDBOX_STAGE"
	Descriptor = "3"
)

// Failed is the exit status of a stage that could not become the command.
const Failed = 125

// Access is what a program may do. All paths are full, clean and without
// symbolic links in them; what is below a folder is part of it.
type Access struct {
	Read    []string // files and folders
	Write   []string // likewise, and may be read
	Network bool
	// Links are other names for what may be read, which the command knows it by.
	Links []Link
}

// Link is a name for a path.
type Link struct{ Name, Target string }

// Command is what is to run.
type Command struct {
	Path string
	Args []string // with the name of the program
	Env  []string
	Dir  string
}

// Started is what to start so that a Command runs in a sandbox.
type Started struct {
	Command
	// Stage is what the process reads from its descriptor 3; nil for nothing.
	Stage []byte
	// Wrapper says that the process which is started is not the command but
	// its parent, which no polite signal should reach.
	Wrapper bool
}

// stageSpec is what a stage is told.
type stageSpec struct {
	Command Command
	// Landlock says that Access is enforced by Landlock, in its version ABI.
	Landlock bool
	ABI      int
	Access   Access
	// Scope keeps the command from abstract sockets and from signals to the
	// processes of others, with Landlock.
	Scope bool
	// Filter has the kernel refuse calls, as filterProgram says.
	Filter filter
	// Given is what the command reads from its descriptor 3; nil for none.
	Given []byte
}

// filter says which system calls are refused beside those that nobody needs.
type filter struct {
	On       bool
	Unix     bool // connections to other programs on this computer
	Network  bool // all other connections
	Truncate bool // what Landlock 1 and 2 do not know
}

// encode writes a stageSpec for decode.
func encode(s stageSpec) ([]byte, error) {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(s); err != nil {
		return nil, fmt.Errorf("encode the sandbox: %w", err)
	}
	return b.Bytes(), nil
}

// stageMax bounds a stageSpec in bytes.
const stageMax = 64 << 20

func decode(r io.Reader) (stageSpec, error) {
	var s stageSpec
	err := gob.NewDecoder(io.LimitReader(r, stageMax)).Decode(&s)
	return s, err
}

// below reports whether a path is a folder or inside it.
func below(path, folder string) bool {
	rest, ok := strings.CutPrefix(path, strings.TrimSuffix(folder, "/"))
	return ok && (rest == "" || rest[0] == '/')
}

// tidy returns the paths in order, parents first, without those that another
// covers already.
func (a Access) tidy() Access {
	pick := func(list []string, covered ...[]string) []string {
		list = slices.Clone(list)
		for i := range list {
			list[i] = filepath.Clean(list[i])
		}
		slices.Sort(list)
		var out []string
		for _, p := range list {
			if !slices.ContainsFunc(slices.Concat(append(covered, out)...), func(f string) bool { return below(p, f) }) {
				out = append(out, p)
			}
		}
		return out
	}
	a.Write = pick(a.Write)
	a.Read = pick(a.Read, a.Write)
	return a
}

// ErrNone says that the system, or this program, has no sandbox; the text says
// why.
var ErrNone = errors.New("no sandbox")
