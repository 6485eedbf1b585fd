package chat

// maxRecalled bounds how many messages Up goes back to.
const maxRecalled = 200

// recall goes through the messages that the person sent before.
type recall struct {
	at    int    // how many back; 0 for none
	shown string // what was put into the composer
	typed string // what stood there before
}

// left forgets where it was once something else stands in the composer, and
// returns what had been typed there before.
func (r *recall) left(text string) (typed string) {
	if r.at > 0 && text != r.shown {
		typed = r.typed
		*r = recall{}
	}
	return typed
}

// recallMessage puts an older or a newer message of the person into the composer,
// and what was typed at the end of them. It reports whether there is one.
func (p *Page) recallMessage(older bool) bool {
	sent := p.sentBefore()
	r := p.recalled
	switch {
	case p.editing.message != "":
		return false
	case older && r.at < len(sent):
		if r.at == 0 {
			r.typed = p.composer.input.Text
		}
		r.at++
	case !older && r.at > 0:
		r.at--
	default:
		return false
	}
	r.shown = r.typed
	if r.at > 0 {
		r.shown = sent[len(sent)-r.at]
	}
	p.recalled = r
	p.composer.input.SetText(r.shown)
	p.composer.input.toEnd()
	return true
}

// sentBefore returns what the person sent in the conversation in view, or, in a
// new one, since the window opened; the last last, none twice in a row.
func (p *Page) sentBefore() []string {
	list := p.sent
	if p.current != "" {
		list = nil
		for _, e := range p.view.shown.entries {
			if e.kind == kindUser && e.text != "" {
				list = append(list, e.text)
			}
		}
	}
	out := make([]string, 0, len(list))
	for _, text := range list {
		if n := len(out); n == 0 || out[n-1] != text {
			out = append(out, text)
		}
	}
	return out[max(0, len(out)-maxRecalled):]
}
