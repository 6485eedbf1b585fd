package shell

import "slices"

// waiting is something that cannot go on before the person has answered.
type waiting struct {
	what string // in a sentence
	lead func() // brings it into view
}

// wait takes note that something waits for the person. Where they do not see
// the window, the desktop tells them; when they open it, they are led there. The
// function that it returns says that it waits no longer. All of it belongs to
// the goroutine of the window.
func (s *Shell) wait(what string, lead func()) (over func()) {
	w := &waiting{what, lead}
	s.waits = append(s.waits, w)
	s.showTray()
	if s.hidden {
		s.notifier.tell(what)
	}
	return func() {
		s.waits = slices.DeleteFunc(s.waits, func(o *waiting) bool { return o == w })
		s.showTray()
		if len(s.waits)+len(s.ready) == 0 {
			s.notifier.clear()
		}
	}
}

// tellReady has the desktop tell that something is there to be read, where the
// person does not see the window.
func (s *Shell) tellReady(what string, lead func()) {
	if s.hidden {
		s.ready = append(s.ready, &waiting{what, lead})
		s.notifier.tell(what)
	}
}

// leadToWaiting brings into view what has waited longest, or else what came
// last.
func (s *Shell) leadToWaiting() {
	s.notifier.clear()
	ready := s.ready
	s.ready = nil
	switch {
	case len(s.waits) > 0:
		if s.waits[0].lead != nil {
			s.waits[0].lead()
		}
	case len(ready) > 0:
		if w := ready[len(ready)-1]; w.lead != nil {
			w.lead()
		}
	}
}

// notifier tells people who do not see the window that something waits for them.
// Its methods return at once.
type notifier interface {
	// tell shows a notification, in the place of the one before.
	tell(what string)
	// clear takes it away, where the desktop can do so.
	clear()
}
