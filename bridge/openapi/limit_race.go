//go:build race

package openapi

import "time"

// convertLimit is how long a document may take to be read: with the race
// detector, all takes many times as long.
const convertLimit = time.Minute
