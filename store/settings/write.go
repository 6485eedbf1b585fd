package settings

import (
	"path/filepath"

	"github.com/drawbridge-app/drawbridge/store/internal/files"
)

// writeFile replaces a file, whole or not at all. A link is followed, so that a
// file kept elsewhere stays there.
func writeFile(path string, data []byte) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	return files.Replace(path, data)
}
