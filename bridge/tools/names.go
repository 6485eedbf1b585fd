package tools

import (
	"crypto/sha256"
	"encoding/base32"
	"strconv"
	"strings"
)

// nameTools gives each tool its name, by reference. The name is server__tool in
// the characters [A-Za-z0-9_-], with a letter first; where that changed or cut
// anything, or where two differ by case at most, a hash of the full reference
// ends it. A name that looks as if it ended in such a hash gets one as well, so
// that no tool can take the name that another was given. A tool that was given a
// name has that. So names do not depend on the order of the list, and no two are
// equal.
func nameTools(list []Tool, limit int) map[Ref]string {
	names := make(map[Ref]string, len(list))
	plain := make(map[string]int, len(list))
	var fixed map[Ref]bool
	for i := range list {
		if _, ok := names[list[i].Ref]; !ok {
			name := plainName(list[i].Ref)
			if given := list[i].Given; given != "" {
				name = given
				if fixed == nil {
					fixed = map[Ref]bool{}
				}
				fixed[list[i].Ref] = true
			}
			names[list[i].Ref] = name
			plain[strings.ToLower(name)]++
		}
	}
	for ref, name := range names {
		if fixed[ref] {
			continue
		}
		if len(name) > limit || plain[strings.ToLower(name)] > 1 || looksHashed(name) || name != ref.String() {
			names[ref] = hashedName(name, ref, limit)
		}
	}
	return names
}

func plainName(r Ref) string {
	name := strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-':
			return c
		}
		return '_'
	}, r.String())
	if name == "" || !isLetter(name[0]) {
		name = "t" + name
	}
	return name
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// The end of a hashed name: a mark, and 80 bits of the hash in lower-case
// base32.
const (
	hashMark = "_0"
	hashSize = 16
	hashTail = len(hashMark) + hashSize
)

// hashedName ends the name with a hash over the two parts of the reference, so
// that neither cutting nor a changed character makes two tools equal. A limit
// too short for it is passed over.
func hashedName(name string, r Ref, limit int) string {
	sum := sha256.Sum256([]byte(strconv.Itoa(len(r.Server)) + ":" + r.Server + r.Tool))
	tail := hashMark + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:hashSize]
	if keep := max(limit-hashTail, 1); len(name) > keep {
		name = name[:keep]
	}
	return name + tail
}

// looksHashed reports whether a name ends as hashedName ends one, in either
// case, since names that differ by case alone count as equal.
func looksHashed(name string) bool {
	if len(name) < hashTail {
		return false
	}
	mark, hash := name[len(name)-hashTail:][:len(hashMark)], name[len(name)-hashSize:]
	return mark == hashMark && strings.Trim(strings.ToLower(hash), "abcdefghijklmnopqrstuvwxyz234567") == ""
}

// maxDescription bounds what a server says of one tool, in bytes.
const maxDescription = 8 << 10

// describe puts the server's name in front, so that a model can tell alike
// tools of two servers apart.
func describe(t Tool) string {
	text := t.Description
	if text == "" {
		text = t.Title
	}
	text = clipNoted(text, maxDescription)
	if t.ServerName == "" {
		return text
	}
	return strings.TrimSpace("[" + t.ServerName + "] " + text)
}
