package store

import (
	"encoding/json"
	"time"
)

// AuditKind says what a record of the audit is about.
type AuditKind string

// The kinds of records.
const (
	AuditDecision AuditKind = "decision" // something was refused before it ran
	AuditCall     AuditKind = "call"     // something was allowed and ran
	AuditApproval AuditKind = "approval" // a person answered or approved
	AuditKey      AuditKind = "key"      // a key, team or organisation was made, changed or revoked
	AuditBridge   AuditKind = "bridge"   // the bridge was raised or lowered
)

// AuditRecord is one line of the audit. Fields that do not apply are empty.
type AuditRecord struct {
	// ID grows with each record that is kept.
	ID   int64     `json:"id"`
	At   time.Time `json:"at"`
	Kind AuditKind `json:"kind"`
	// Client is on whose behalf: "chat", "command", "gateway", "models",
	// "person" for what was set. Key is the id of a key.
	Client       string `json:"client,omitempty"`
	Key          string `json:"key,omitempty"`
	Session      string `json:"session,omitempty"`
	Conversation string `json:"conversation,omitempty"`
	Server       string `json:"server,omitempty"` // id
	Tool         string `json:"tool,omitempty"`
	// Decision is "allow" or "deny", or a person's answer.
	Decision string `json:"decision,omitempty"`
	Reason   string `json:"reason,omitempty"`
	// ArgumentShape has the types of the arguments in the place of their values.
	ArgumentShape json.RawMessage `json:"argument_shape,omitempty"`
	// Arguments are kept only where a person switched it on, without secrets.
	Arguments   json.RawMessage `json:"arguments,omitempty"`
	ResultBytes int64           `json:"result_bytes,omitempty"`
	Elapsed     time.Duration   `json:"elapsed_ns,omitempty"`
	Error       string          `json:"error,omitempty"`
}

// AuditQuery chooses records. Empty fields choose all.
type AuditQuery struct {
	// Text is looked for in tool, reason, error and shape, without regard to the
	// case of ASCII letters.
	Text string
	// The others have to be equal.
	Kind                                AuditKind
	Client, Key, Server, Tool, Decision string
	// Failed chooses those with an error alone.
	Failed       bool
	Since, Until time.Time // from Since on, before Until
	// Before is the ID of the last record of the page before; 0 begins with the
	// newest.
	Before int64
	// Limit is at most 1,000; 0 means 100.
	Limit int
}
