package store

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Limits bound what another app may see and do with a key. Those of a key, of
// its team and of the team's organisation all hold.
type Limits struct {
	// Servers (names or ids) and Groups say which servers may be seen: those
	// that are named, and those that belong to a group that is named. Both nil is
	// no limit; a list that is empty and not nil allows nothing.
	Servers []string `json:"servers"`
	Groups  []string `json:"groups"`
	// Tools are server__tool, server__* or a bare name; nil is no limit.
	Tools []string `json:"tools"`
	// CallsPerMinute and CallsPerDay bound calls of tools; 0 is no limit. A day
	// begins at midnight here.
	CallsPerMinute int `json:"calls_per_minute,omitempty"`
	CallsPerDay    int `json:"calls_per_day,omitempty"`
	// Expires is when everything ends; zero is never.
	Expires time.Time `json:"expires,omitzero"`
	// Models says which models may be asked. For a key, nil gives no access to
	// models; for a team or an organisation it is no further limit.
	Models *ModelAccess `json:"models,omitempty"`
	// MayApprove has an answer of the client count as the person's. It counts
	// for a key alone, and not if its team or organisation has NoApprove.
	MayApprove bool `json:"may_approve,omitempty"`
	// NoApprove forbids MayApprove to the keys of a team or an organisation.
	NoApprove bool `json:"no_approve,omitempty"`
}

// ModelAccess bound the use of models; nil lists and zeros are no limit.
type ModelAccess struct {
	Providers    []string `json:"providers"` // ids of entries
	Models       []string `json:"models"`
	TokensPerDay int64    `json:"tokens_per_day,omitempty"`
	CostPerDay   float64  `json:"cost_per_day,omitempty"` // US dollars
}

// Key is what another app shows to be let in. Its value is known only when it is
// made; what is kept of it is a hash.
type Key struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Team      string    `json:"team,omitempty"` // id
	Limits    Limits    `json:"limits"`
	CreatedAt time.Time `json:"created_at"`
	UsedAt    time.Time `json:"used_at,omitzero"`    // zero if never; may lag by a minute
	RevokedAt time.Time `json:"revoked_at,omitzero"` // zero if it holds
}

// HashedKey is a key with the hash of its value (HashKey), by which it is found.
type HashedKey struct {
	Key
	Hash [sha256.Size]byte
}

// Team holds keys together under common limits.
type Team struct {
	ID           string `json:"id"`
	Name         string `json:"name"`
	Organisation string `json:"organisation,omitempty"` // id
	Limits       Limits `json:"limits"`
}

// Organisation holds teams together under common limits.
type Organisation struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Limits Limits `json:"limits"`
}

// Caller is who a request of another app is from: a key that was found good, and
// everything that bounds it.
type Caller struct {
	Key, KeyName       string // id and name
	Team, Organisation string // ids; empty for none
	// Bounds are the limits of the key, its team and its organisation, in this
	// order. Each of them holds by itself, the counters of calls too.
	Bounds []Bound
	// Expires is the earliest of theirs; zero is never.
	Expires time.Time
	// Models is what all of them allow of models; nil is no access.
	Models *ModelAccess
	// MayApprove says that an answer of this client counts as the person's.
	MayApprove bool
	// Session is the client's session, so that what one session read does not
	// count for another; empty where the client has none.
	Session string
}

// Bound is one of the limits that hold for a caller. Kind and ID name whose
// counter its calls are on.
type Bound struct {
	Kind   string // "key", "team" or "organisation"
	ID     string
	Limits Limits
}

// NewCaller puts together what bounds a key. team and org are nil where there is
// none.
func NewCaller(k Key, team *Team, org *Organisation) Caller {
	c := Caller{Key: k.ID, KeyName: k.Name, MayApprove: k.Limits.MayApprove, Bounds: []Bound{{"key", k.ID, k.Limits}}}
	if team != nil {
		c.Team = team.ID
		c.Bounds = append(c.Bounds, Bound{"team", team.ID, team.Limits})
		if org != nil {
			c.Organisation = org.ID
			c.Bounds = append(c.Bounds, Bound{"organisation", org.ID, org.Limits})
		}
	}
	for i, b := range c.Bounds {
		if e := b.Limits.Expires; !e.IsZero() && (c.Expires.IsZero() || e.Before(c.Expires)) {
			c.Expires = e
		}
		c.MayApprove = c.MayApprove && !b.Limits.NoApprove
		switch m := b.Limits.Models; {
		case i == 0 && m != nil:
			c.Models = m.clone()
		case i > 0 && m != nil && c.Models != nil:
			c.Models.narrow(*m)
		}
	}
	return c
}

// MaySee reports whether every bound lets the caller see the server.
func (c Caller) MaySee(cfg ServerConfig) bool {
	for i := range c.Bounds {
		if !c.Bounds[i].Limits.sees(cfg) {
			return false
		}
	}
	return len(c.Bounds) > 0
}

// MayCall reports whether every bound lets the caller see that tool of the
// server, which is named as the server names it.
func (c Caller) MayCall(cfg ServerConfig, tool string) bool {
	if !c.MaySee(cfg) {
		return false
	}
	for i := range c.Bounds {
		if !c.Bounds[i].Limits.names(cfg, tool) {
			return false
		}
	}
	return true
}

func (l *Limits) sees(cfg ServerConfig) bool {
	if l.Servers == nil && l.Groups == nil {
		return true
	}
	return slices.Contains(l.Servers, cfg.Name) || slices.Contains(l.Servers, cfg.ID) ||
		slices.ContainsFunc(l.Groups, func(g string) bool { return slices.Contains(cfg.Rules.Groups, g) })
}

func (l *Limits) names(cfg ServerConfig, tool string) bool {
	if l.Tools == nil {
		return true
	}
	return slices.ContainsFunc(l.Tools, func(t string) bool {
		if t == tool {
			return true
		}
		for _, server := range [2]string{cfg.Name, cfg.ID} {
			rest, ok := strings.CutPrefix(t, server)
			if ok {
				rest, ok = strings.CutPrefix(rest, "__")
			}
			if ok && (rest == "*" || rest == tool) {
				return true
			}
		}
		return false
	})
}

func (m ModelAccess) clone() *ModelAccess {
	m.Providers, m.Models = slices.Clone(m.Providers), slices.Clone(m.Models)
	return &m
}

func (m *ModelAccess) narrow(by ModelAccess) {
	both := func(a, b []string) []string {
		switch {
		case a == nil:
			return slices.Clone(b)
		case b == nil:
			return a
		}
		return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return !slices.Contains(b, s) })
	}
	m.Providers, m.Models = both(m.Providers, by.Providers), both(m.Models, by.Models)
	if by.TokensPerDay > 0 && (m.TokensPerDay == 0 || by.TokensPerDay < m.TokensPerDay) {
		m.TokensPerDay = by.TokensPerDay
	}
	if by.CostPerDay > 0 && (m.CostPerDay == 0 || by.CostPerDay < m.CostPerDay) {
		m.CostPerDay = by.CostPerDay
	}
}

// Validate says in a sentence what cannot be meant. The error wraps ErrInvalid.
func (l Limits) Validate() error {
	lists := [][]string{l.Servers, l.Groups, l.Tools}
	if l.Models != nil {
		lists = append(lists, l.Models.Providers, l.Models.Models)
		if l.Models.TokensPerDay < 0 || l.Models.CostPerDay < 0 || l.Models.CostPerDay != l.Models.CostPerDay {
			return fmt.Errorf("a limit of tokens or cost is a number from 0 (none) on (%w)", ErrInvalid)
		}
	}
	for _, list := range lists {
		if len(list) > maxRuleNames {
			return fmt.Errorf("the limits name more than %d things (%w)", maxRuleNames, ErrInvalid)
		}
		for _, s := range list {
			if s == "" || len(s) > maxRuleName || strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f }) {
				return fmt.Errorf("the name %.50q in the limits is empty, longer than %d bytes or contains control characters (%w)", s, maxRuleName, ErrInvalid)
			}
		}
	}
	return validCalls(l.CallsPerMinute, l.CallsPerDay)
}

// keyPrefix begins each key, so that people and scanners know what it is.
const keyPrefix = "drawbridge-"

// maxKey bounds what is taken for a key at all.
const maxKey = 256

// NewKeyValue returns the value of a new key, of about 256 random bits.
func NewKeyValue() Secret {
	return NewSecret(keyPrefix + strings.ToLower(rand.Text()+rand.Text()))
}

// HashKey returns the SHA-256 of what a client showed, which is what is kept of
// a key. A key is random and long, so that no slower hash is needed. It reports
// false for what cannot be a key of this program.
func HashKey(presented Secret) (hash [sha256.Size]byte, ok bool) {
	s := presented.Reveal()
	if len(s) > maxKey || !strings.HasPrefix(s, keyPrefix) {
		return hash, false
	}
	return sha256.Sum256([]byte(s)), true
}
