package chat

import (
	"errors"
	"slices"
	"strings"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/store"
)

// unfinished is the id of the remark that a turn ended before its last answer.
const unfinished = "unfinished"

// offerRetry has the remark below an answer that was cut off offer to try
// again, if the answer is the last one. Where the model has not come to answer at
// all, such as when the program ended while a call ran, a remark offers to go on.
func (t *thread) offerRetry() {
	if e := t.cutEnd(); e != nil {
		e.retry = true
		t.touch(e)
	} else if n := len(t.order); n > 0 && t.about[t.order[n-1]].open {
		t.put(&entry{id: unfinished, kind: kindNotice, text: say.T("The turn ended before the model had answered. What has run is not run again."), retry: true, goesOn: true})
	}
}

// cutEnd returns the remark below the last answer if that was cut off, or nil.
func (t *thread) cutEnd() *entry {
	if n := len(t.order); n > 0 && t.about[t.order[n-1]].cut {
		return t.byID[t.order[n-1]+"/cut"]
	}
	return nil
}

// failure is why a turn ended.
type failure struct {
	text   string // a sentence
	retry  bool   // it can be tried again, with again
	again  request
	server string // which one its provider could not use itself
	// help is what helps, and sure that nothing else does.
	help []remedy
	sure bool
}

// failureOf is why a turn ended with that error.
func failureOf(err error) failure {
	f := failure{text: form.Sentence(err), server: managedServer(err), retry: !errors.Is(err, chat.ErrBusy) && !errors.Is(err, chat.ErrNothing)}
	f.help, f.sure = remedies(err)
	return f
}

// fail shows why a turn ended, in the place of the remark that says the same of
// its last answer.
func (t *thread) fail(f failure) {
	if e := t.cutEnd(); e != nil && !f.again.written() && f.again.edit == "" && f.again.regenerate == "" {
		t.drop(e)
	}
	t.put(&entry{id: t.fresh("error"), kind: kindError, text: f.text, retry: f.retry, again: f.again, server: f.server, help: f.help, sure: f.sure})
}

// begin makes room for what a turn brings: remarks about the one before go, and
// so do the messages whose place it takes.
func (t *thread) begin(q request) {
	for _, e := range slices.Clone(t.entries) {
		if e.kind == kindError || e.kind == kindLimit {
			t.drop(e)
		} else if e.id == unfinished {
			t.drop(e)
		} else if e.retry {
			e.retry = false
			t.touch(e)
		}
	}
	t.shortened = false
	switch {
	case q.edit != "":
		t.cutFrom(q.edit)
	case q.regenerate != "":
		t.cutFrom(q.regenerate)
	case !q.written():
		for n := len(t.order); n > 0 && t.about[t.order[n-1]].cut; n = len(t.order) {
			t.cutFrom(t.order[n-1])
		}
	}
}

// cutFrom removes a message and what follows it.
func (t *thread) cutFrom(message string) {
	at := slices.Index(t.order, message)
	if at < 0 {
		return
	}
	gone := t.order[at:]
	t.order = slices.Clone(t.order[:at])
	for _, id := range gone {
		delete(t.about, id)
	}
	if i := slices.IndexFunc(t.entries, func(e *entry) bool { return slices.Contains(gone, e.message) }); i >= 0 {
		for _, e := range slices.Clone(t.entries[i:]) {
			t.drop(e)
		}
	}
	t.shortened = true
}

// over removes what only a turn that runs shows.
func (t *thread) over() {
	for _, e := range slices.Clone(t.entries) {
		if e.kind == kindLimit || e.kind == kindRetry || e.kind == kindQuestion || e.id == summarising {
			t.drop(e)
		}
	}
}

// waiting returns the entry that counts down to the next call of the model, or
// nil.
func (t *thread) waiting() *entry {
	if n := len(t.entries); n > 0 && t.entries[n-1].kind == kindRetry {
		return t.entries[n-1]
	}
	return nil
}

// setSiblings takes what stands in the same places as the messages shown.
func (t *thread) setSiblings(all map[string][]string) {
	t.siblings = all
	for _, id := range t.order {
		t.setFoot(id)
	}
}

// setFoot finds the entry below which the row of a message's buttons stands:
// the last text of an answer that calls nothing, or, where there are others in
// its place to go to, whatever it ends with.
func (t *thread) setFoot(message string) {
	a := t.about[message]
	if a.role != store.RoleAssistant {
		return // a person's message always has it
	}
	var at *entry
	all := t.of(message)
	for _, e := range all {
		if e.kind == kindAnswer {
			at = e
		}
	}
	if len(t.siblings[message]) < 2 && a.calls {
		at = nil
	} else if at == nil && len(t.siblings[message]) > 1 {
		for _, e := range all {
			if e.kind == kindCall || e.kind == kindManaged || e.kind == kindNotice {
				at = e
			}
		}
	}
	for _, e := range all {
		if e.foot != (e == at) {
			e.foot = e == at
			t.touch(e)
		}
	}
}

// answerText is what the model's message says.
func (t *thread) answerText(message string) string {
	var texts []string
	for _, e := range t.of(message) {
		if e.kind == kindAnswer {
			texts = append(texts, e.text)
		}
	}
	return strings.Join(texts, "\n\n")
}
