package modelapi

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

// What a provider wants back of a model's thoughts (encrypted reasoning,
// signatures) can go to the program that asks and come back with its next
// request, so that a conversation of which nothing is kept here goes on as the
// provider wants it. The program cannot read it or make its own: it is sealed
// under a key that outlives this run, for the key that asked. Where that cannot be
// had, the keychain being locked or absent, a key of this run takes its place.

// includeThoughts is the value of include that asks for it.
const includeThoughts = "reasoning.encrypted_content"

// thought is one such part, and its place: how many calls come before it in its
// answer, and whether nothing else does.
type thought struct {
	Model store.ModelRef  `json:"model"`
	Data  json.RawMessage `json:"data"`
	Calls int             `json:"calls,omitempty"`
	First bool            `json:"first,omitempty"`
}

// thoughts are those of one answer, with the ids of its calls that the program
// sees, as the provider has them.
type thoughts struct {
	List  []thought `json:"list"`
	Calls []string  `json:"calls,omitempty"`
}

// sealer seals thoughts.
type sealer struct {
	key    func(context.Context) (store.Secret, error) // nil: there is none that lasts
	now    func() time.Time
	logger *slog.Logger
	run    cipher.AEAD // of this run

	mu    sync.Mutex // protects what follows
	lasts cipher.AEAD
	asked time.Time // when the key could not be had last
}

// askAgain is how long after a failure the lasting key is asked for again.
const askAgain = time.Minute

func newSealer(o Options) *sealer {
	return &sealer{key: o.SealingKey, now: o.Now, logger: o.Logger, run: newAEAD(rand.Text())}
}

// newAEAD derives a cipher from a text of high entropy.
func newAEAD(text string) cipher.AEAD {
	key := sha256.Sum256([]byte("drawbridge thoughts\x00" + text))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic("modelapi: the key has the right length: " + err.Error())
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic("modelapi: AES has the right block size: " + err.Error())
	}
	return aead
}

// lasting returns the cipher that outlives this run; nil where it cannot be had.
func (s *sealer) lasting(ctx context.Context) cipher.AEAD {
	if s.key == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lasts != nil || !s.asked.IsZero() && s.now().Sub(s.asked) < askAgain {
		return s.lasts
	}
	key, err := s.key(ctx)
	if err != nil || key.Empty() {
		if ctx.Err() == nil {
			s.asked = s.now()
			s.logger.Warn("the key that seals models' thoughts could not be had, so that what is sealed now holds until Drawbridge ends", "error", err)
		}
		return nil
	}
	s.lasts = newAEAD(key.Reveal())
	return s.lasts
}

// seal returns what a message holds for its provider, for that key alone; empty if
// there is nothing, or if its place could not be told. visible are its calls that
// the program sees.
func (s *sealer) seal(ctx context.Context, key string, m store.Message, visible []store.ToolCall) string {
	var list []thought
	texts, calls := 0, 0
	for _, p := range m.Parts {
		switch p := p.(type) {
		case store.Opaque:
			list = append(list, thought{p.Model, p.Data, calls, texts+calls == 0})
		case store.Text:
			texts++
		case store.ToolCall:
			calls++
		case store.Reasoning:
		default:
			return ""
		}
	}
	if len(list) == 0 || texts > 1 {
		return ""
	}
	all := thoughts{List: list}
	for _, c := range visible {
		if c.Server != "" {
			all.Calls = append(all.Calls, c.ID)
		}
	}
	plain, err := json.Marshal(all)
	if err != nil {
		return ""
	}
	aead := s.lasting(ctx)
	if aead == nil {
		aead = s.run
	}
	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	return base64.StdEncoding.EncodeToString(aead.Seal(nonce, nonce, plain, []byte(key)))
}

// open returns what was sealed for that key.
func (s *sealer) open(ctx context.Context, key, sealed string) (all thoughts, ok bool) {
	raw, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil {
		return all, false
	}
	for _, aead := range []cipher.AEAD{s.lasting(ctx), s.run} {
		if aead == nil || len(raw) < aead.NonceSize() {
			continue
		}
		n := aead.NonceSize()
		if plain, err := aead.Open(nil, raw[:n], raw[n:], []byte(key)); err == nil {
			return all, json.Unmarshal(plain, &all) == nil
		}
	}
	return all, false
}

// thought takes a reasoning item of the input.
func (in *inputReader) thought(at string, sealed *string) error {
	if sealed == nil || *sealed == "" {
		return nil // a summary alone is for people
	}
	all, ok := in.h.sealer.open(in.ctx, in.q.caller.Key, *sealed)
	if !ok {
		return &fault{
			status: http.StatusBadRequest, code: "invalid_encrypted_content", param: at + ".encrypted_content",
			message: fmt.Sprintf("The encrypted content of %s was not made here for this key, or the key that seals it was not kept. Leave the item out.", at),
		}
	}
	s := in.q.history.answer()
	if len(s.thoughts.List) > 0 { // of the answer before, of which a call was not sent back
		s = in.q.history.anew()
	}
	s.thoughts = all
	return nil
}

// renamed returns, by the ids under which the program knows an answer's calls,
// those that the provider gave them, by which it may know them in what it wants
// back.
func (h *history) renamed(s *step) map[string]string {
	ids := map[string]string{}
	for i, id := range s.calls {
		if i < len(s.thoughts.Calls) && !h.has(s.thoughts.Calls[i]) {
			ids[id] = s.thoughts.Calls[i]
		}
	}
	return ids
}

// withThoughts returns the parts of an answer with the thoughts in their places,
// and its calls under the ids that are given.
func withThoughts(parts store.Parts, list []thought, ids map[string]string) store.Parts {
	if len(list) == 0 {
		return parts
	}
	out := make(store.Parts, 0, len(parts)+len(list))
	left := slices.Clone(list)
	add := func(fits func(thought) bool) {
		left = slices.DeleteFunc(left, func(t thought) bool {
			if !fits(t) {
				return false
			}
			out = append(out, store.Opaque{Model: t.Model, Data: t.Data})
			return true
		})
	}
	add(func(t thought) bool { return t.First })
	calls := 0
	for _, p := range parts {
		if c, ok := p.(store.ToolCall); ok {
			add(func(t thought) bool { return t.Calls <= calls })
			calls++
			if id := ids[c.ID]; id != "" {
				c.ID = id
			}
			p = c
		}
		out = append(out, p)
	}
	add(func(thought) bool { return true })
	return out
}
