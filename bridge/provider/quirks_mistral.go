package provider

import (
	"crypto/sha256"
	"encoding/base32"
	"regexp"
	"strconv"
	"strings"
)

var mistralName = regexp.MustCompile(`(?i)(mistral|mixtral|ministral|magistral|devstral|codestral|pixtral|voxtral)`)

// isMistral reports whether a model is one of Mistral's, by its name.
func isMistral(modelID string) bool { return mistralName.MatchString(modelID) }

// interruption stands between a result and what the person says after it, where
// the answer that belongs there was cut off.
const interruption = "(The answer was interrupted.)"

var mistralID = regexp.MustCompile(`^[a-zA-Z0-9]{9}$`)

// shortIDs gives the calls of one request ids of nine letters or digits, as
// Mistral demands them. No two calls get the same, and a call and its result
// do. The ids are the same with each request of a conversation, as long as
// nothing before them changes.
type shortIDs struct {
	given map[string]string // id in the history → id in the request
	taken map[string]bool
}

func (s *shortIDs) id(id string) string {
	if short, ok := s.given[id]; ok {
		return short
	}
	if s.given == nil {
		s.given, s.taken = map[string]string{}, map[string]bool{}
	}
	short := id
	for n := 0; !mistralID.MatchString(short) || s.taken[short]; n++ {
		sum := sha256.Sum256([]byte(strconv.Itoa(n) + ":" + id))
		short = strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:9]
	}
	s.given[id], s.taken[short] = short, true
	return short
}
