package store

import "time"

// Backup is a copy of the database as it was before a newer version of the
// program changed its schema.
type Backup struct {
	Path    string
	Version int // of the schema in it
	At      time.Time
	Size    int64 // bytes
}
