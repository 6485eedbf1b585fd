package chat

import (
	"fmt"
	"slices"
	"strings"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

const (
	// maxShare is the share of a model's context that a history may take before
	// its oldest turns are summarised, in percent; what the answer needs is
	// taken off that.
	maxShare = 80
	// minAnswer is what is kept free for an answer whose limit is not known, in
	// tokens.
	minAnswer = 4096
	// maxMade is how often room is made for one answer after the provider said
	// that there is none.
	maxMade = 4
	// maxRounds is how often a history is made shorter for one request.
	maxRounds = 8
)

// How far results are cut shorter than usual, when only that makes a turn fit.
const (
	squeezedNone = iota
	squeezedOld  // all but those of the last step
	squeezedAll
)

// budget returns how many tokens a request may take before the history is made
// shorter, 0 if the model's context is not known.
func budget(l store.ModelLimits) int64 {
	return share(l, maxShare)
}

// share returns how many tokens a request may take if it may take that share of
// the context, in percent, beside the answer; 0 if the context is not known.
func share(l store.ModelLimits, percent int64) int64 {
	if l.Context <= 0 {
		return 0
	}
	answer := l.MaxOutput
	if answer <= 0 {
		answer = minAnswer
	}
	// Some models may answer as long as their context; that much is not kept
	// free for it.
	return max(l.Context/100*percent+l.Context%100*percent/100-min(answer, l.Context/4), 1)
}

// fit fills in the history and the tools of a request. Where they leave no room
// in the model's context, the oldest turns are summarised first, then results
// are cut shorter. Where the model cannot sum up, the history is sent as it is
// as long as it fits at all, and then its oldest turns are left out.
func (t *turn) fit(req *model.Request, offered []tools.Tool) error {
	if t.failedSummary != req.Model {
		t.leftOut = nil // another model could not sum up; this one may
	}
	system := req.System
	if err := t.compose(req, system, offered); err != nil {
		return err
	}
	limits := t.Limits(req.Model)
	room := budget(limits)
	if room == 0 {
		return nil
	}
	used := t.used(req, room)
	if used > room {
		if err := t.kept(); err != nil {
			return err
		}
	}
	for rounds := 0; used > room && rounds < maxRounds; rounds++ {
		history := max(room-t.overhead(req), room/8)
		shorter, err := t.sumUp(req.Model, history)
		if err != nil {
			return err
		}
		if t.failedSummary == req.Model {
			if room = share(limits, 100); used <= room {
				break
			}
		}
		if !shorter {
			shorter, err = t.shorten(req.Model, history)
		}
		if err != nil {
			return err
		}
		if !shorter {
			break
		}
		if err := t.compose(req, system, offered); err != nil {
			return err
		}
		used = t.used(req, room)
	}
	if used > limits.Context {
		return tooLong(used, limits.Context, nil)
	}
	return nil
}

// compose fills in the history as the model gets it, the functions that it is
// offered, and what the system prompt says of them.
func (t *turn) compose(req *model.Request, system string, offered []tools.Tool) error {
	chain := t.view()
	_, from := summarised(chain)
	msgs, isCut := t.cutResults(chain[from:])
	table, err := t.table(req.Model, offered, isCut)
	if err != nil {
		return err
	}
	req.Tools, req.System = table, system
	if table.Search() {
		req.System = strings.TrimSpace(system + "\n\n" + searchPrompt(offered))
	}
	if from > 0 {
		// Repair looks for the summary in the chain as it is.
		msgs = slices.Concat(chain[:from], msgs)
	}
	req.Messages = withoutForeignAsks(Repair(renameCalls(msgs, table)), req.Model, req.Managed)
	return nil
}

// shorten makes what the model gets of the history shorter without a summary and
// reports whether it could: it cuts old results, leaves out old turns that could
// not be summed up, and cuts the results of the last step. room is how many
// tokens the history may take, 0 if that is not known.
func (t *turn) shorten(ref store.ModelRef, room int64) (bool, error) {
	if t.squeezed == squeezedNone {
		t.squeezed = squeezedOld
		return true, nil
	}
	if done, err := t.leaveOut(ref, room); done || err != nil {
		return done, err
	}
	if t.squeezed == squeezedOld {
		t.squeezed = squeezedAll
		return true, nil
	}
	return false, nil
}

// used returns how many tokens the request takes. Where it surely fits, the
// number is only an upper bound of it, which costs nothing to find.
func (t *turn) used(req *model.Request, room int64) int64 {
	name := req.Model.Model
	// What the provider said counts, unless results look shorter since then.
	if base, since, ok := reported(t.chain, req.Model); ok && t.squeezed == squeezedNone && t.leftOut == nil {
		since, _ = t.cutResults(since)
		if n := base + bounds(since); n <= room {
			return n
		}
		return base + t.ruler.messages(name, since)
	}
	n := bounds(req.Messages) + int64(len(req.System))
	for _, f := range req.Tools.Functions() {
		n += functionBound(f)
	}
	if n <= room {
		return n
	}
	return t.ruler.messages(name, req.Messages) + t.overhead(req)
}

// overhead returns how many tokens the request takes beside the history.
func (t *turn) overhead(req *model.Request) int64 {
	return t.ruler.text(req.Model.Model, req.System) + t.ruler.table(req.Model.Model, req.Tools)
}

// spend counts what a call of a model took.
func (t *turn) spend(ref store.ModelRef, u store.Usage) {
	t.usage = t.usage.Add(u)
	t.cost = t.cost.Add(costOf(u, t.Limits(ref)))
}

// makeRoom is called when a provider said that the history is too long. Without
// an error something was done about it and the call is worth repeating.
func (t *turn) makeRoom(a *answer, failed error) error {
	limits := t.Limits(a.msg.Model)
	if a.made == maxMade {
		return tooLong(0, limits.Context, failed)
	}
	a.made++
	shorter, err := t.sumUp(a.msg.Model, budget(limits))
	if err == nil && !shorter {
		shorter, err = t.shorten(a.msg.Model, budget(limits))
	}
	if err == nil && !shorter {
		err = tooLong(0, limits.Context, failed)
	}
	return err
}

// follow puts an answer that has not begun, or begins anew, after a summary
// that was appended since. What came of it before stays in the history as
// interrupted, aside.
func (t *turn) follow(a *answer) error {
	if a.msg.ParentID == t.head() {
		return nil
	}
	if a.size > 0 {
		cut := a.msg
		cut.Parts, cut.Usage = cutParts(a.parts.Parts(cut.Model)), a.parts.Usage()
		cut.Status, cut.Error = store.StatusInterrupted, "Another answer took the place of this one."
		if err := t.save(cut, t.chain[len(t.chain)-1]); err != nil {
			return err
		}
		if !t.emit(Finished{cut}) {
			return errGone
		}
		a.msg.ID = store.NewID()
	}
	a.size, a.msg.ParentID = 0, t.head()
	return nil
}

// tooLong says what to do when nothing makes the history fit. used and limit
// are 0 where they are not known.
func tooLong(used, limit int64, cause error) error {
	message := "This conversation is too long for the model, and there is nothing more in it that could be summarised."
	if used > 0 && limit > 0 {
		message = fmt.Sprintf("This conversation takes about %d tokens and the model at most %d, and there is nothing more in it that could be summarised.", used, limit)
	}
	return &model.Error{
		Kind: model.ErrorContext, Err: cause,
		Message: message + " Send less at once, switch tools off, or choose a model with a larger context.",
	}
}
