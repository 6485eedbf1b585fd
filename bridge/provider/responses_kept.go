package provider

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

// itemKept is the type of the opaque item that names an answer which the
// service keeps. It is our own, and never sent.
const itemKept = "drawbridge_kept_response"

// keptResponse names an answer that the service keeps, and what it was an
// answer to.
type keptResponse struct {
	Type string `json:"type"`
	ID   string `json:"id"` // the service's own, for previous_response_id
	// After tells whether what the service keeps is the beginning of a later
	// history: a hash of the ids of the messages that were sent.
	After string `json:"after"`

	next int // index of the first message that is to be sent
}

// keepMark returns the mark of the answer to a request, still without the id,
// or nil if the service keeps none.
func (c *responsesClient) keepMark(req model.Request) *keptResponse {
	if !c.cfg.KeepResponses {
		return nil
	}
	return &keptResponse{Type: itemKept, After: chainHash(req.Messages)}
}

func (k *keptResponse) item() json.RawMessage {
	b, err := json.Marshal(k)
	if err != nil {
		panic("provider: strings always encode: " + err.Error())
	}
	return b
}

// findKept returns the last answer of this entry and model in the history that
// the service keeps, with all that came before it unchanged; the zero value if
// there is none. A history of which the beginning was summarised is sent anew,
// since the service would go on with the long one.
func findKept(req model.Request) keptResponse {
	for i, m := range slices.Backward(req.Messages) {
		if m.Role != store.RoleAssistant {
			continue
		}
		for _, p := range slices.Backward(m.Parts) {
			o, ok := p.(store.Opaque)
			if !ok || o.Model != req.Model {
				continue
			}
			var k keptResponse
			if json.Unmarshal(o.Data, &k) != nil || k.Type != itemKept || k.ID == "" {
				continue
			}
			if k.After != chainHash(req.Messages[:i]) || i+1 == len(req.Messages) {
				return keptResponse{}
			}
			k.next = i + 1
			return k
		}
	}
	return keptResponse{}
}

func chainHash(msgs []store.Message) string {
	h := sha256.New()
	for _, m := range msgs {
		_, _ = h.Write([]byte(string(m.Role) + "\x00" + m.ID + "\x00")) // a hash never fails
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// lost reports whether a refusal may mean that the service no longer has the
// answer, or sees it otherwise than we do. The history is whole here, so that
// it is sent in full then.
func (k keptResponse) lost(err error) bool {
	var e *model.Error
	return errors.As(err, &e) && (e.Status == http.StatusBadRequest || e.Status == http.StatusNotFound) &&
		(e.Kind == model.ErrorRequest || e.Kind == model.ErrorNotFound)
}
