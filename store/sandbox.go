package store

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Sandbox says what a program (stdio) may do inside a sandbox. It may always
// read the system's folders and what it is itself made of, and write in a home
// and a temporary folder of its own, in its working folder and in
// ServerConfig.Roots; everything else only as it is said here.
type Sandbox struct {
	// Network permits connections of all kinds.
	Network bool `json:"network,omitempty"`
	// Read and Write are folders or files, as full paths or beginning with ~/,
	// that may be read, and read and written.
	Read  []string `json:"read,omitempty"`
	Write []string `json:"write,omitempty"`
	// Optional starts the program without a sandbox where the system has none.
	// Otherwise it does not start there.
	Optional bool `json:"optional,omitempty"`
}

func (s *Sandbox) clone() *Sandbox {
	if s == nil {
		return nil
	}
	c := *s
	c.Read, c.Write = slices.Clone(s.Read), slices.Clone(s.Write)
	return &c
}

// sandboxPaths bounds Read and Write, each.
const sandboxPaths = 100

// validate says what cannot be granted, as the end of a sentence.
func (s *Sandbox) validate() error {
	if s == nil {
		return nil
	}
	for _, list := range [][]string{s.Read, s.Write} {
		if len(list) > sandboxPaths {
			return fmt.Errorf("its sandbox names more than %d folders; name a folder that contains them", sandboxPaths)
		}
		for _, path := range list {
			if !filepath.IsAbs(path) && !strings.HasPrefix(path, "~/") || strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == 0x7f }) {
				return fmt.Errorf("its sandbox names %q, which is no full path; write it from the root on, or from ~/", path)
			}
		}
	}
	return nil
}
