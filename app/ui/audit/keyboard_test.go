package audit

import (
	"testing"

	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
)

// TestKeyboard reaches everything on the page and its sheets without a pointer.
func TestKeyboard(t *testing.T) {
	p, w := open(t, engine())
	uitest.Keyboard(t, w, nil)
	p.list.list.Select(1)
	uitest.Keyboard(t, w, nil)
}
