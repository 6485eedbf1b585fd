//go:build linux && e2e

package e2e

import (
	"testing"

	"github.com/drawbridge-app/drawbridge/app/e2e/driver"
)

// copyAnswer has a block of each kind that people copy.
const copyAnswer = "# What there is\n\n" +
	"The first paragraph has **bold words** and `code` in it.\n\n" +
	"- an apple\n- a pear\n\n" +
	"```go\nfmt.Println(\"hello\")\nos.Exit(0)\n```\n\n" +
	"| fruit | count |\n| --- | --- |\n| lemon | 11 |\n\n" +
	"The last paragraph ends it."

// TestSelectAndCopy selects by the mouse across blocks and across messages, by
// double click, and by keys, and looks at the clipboard as another program does.
func TestSelectAndCopy(t *testing.T) {
	k := newTold(t)
	k.begin()
	k.talk("What is there?", copyAnswer)
	k.talk("And what else?", "Nothing else that I know of.")
	k.see(driver.Contains("Nothing else that I know of."))
	line := func(text string) driver.Match { return driver.Text(text).Kind("Text") }

	// Across the blocks of an answer: as text, and as Markdown.
	k.must(k.app.Drag(k.ctx, line("The first paragraph has "), line("The last paragraph ends it.")))
	k.picture("blocks")
	k.must(k.app.Press(k.ctx, "ctrl+c"))
	k.copied("The first paragraph has bold words and code in it.\n\n" +
		"• an apple\n• a pear\n\n" +
		"fmt.Println(\"hello\")\nos.Exit(0)\n\n" +
		"fruit\tcount\nlemon\t11\n\n" +
		"The last paragraph ends it.")
	k.must(k.app.Press(k.ctx, "ctrl+shift+c"))
	k.copied(copyAnswer[len("# What there is\n\n"):])

	// Across messages, from the person's to the next answer.
	k.must(k.app.Drag(k.ctx, line("The last paragraph ends it."), line("Nothing else that I know of.")))
	k.picture("messages")
	k.must(k.app.Press(k.ctx, "ctrl+c"))
	k.copied("The last paragraph ends it.\n\nAnd what else?\n\nNothing else that I know of.")

	// A word, and more of it by keys.
	k.must(k.app.DoubleClick(k.ctx, line("The last paragraph ends it.")))
	k.must(k.app.Press(k.ctx, "ctrl+c"))
	k.copied("The")
	k.must(k.app.Press(k.ctx, "ctrl+shift+Right", "ctrl+shift+Right", "ctrl+c"))
	k.copied("The last paragraph")

	// Everything, by the menu.
	k.must(k.app.SecondaryClick(k.ctx, line("The last paragraph ends it.")))
	k.click(driver.Text("Select all"))
	k.must(k.app.SecondaryClick(k.ctx, line("The last paragraph ends it.")))
	k.click(driver.Text("Copy as Markdown"))
	k.copied("What is there?\n\n" + copyAnswer + "\n\nAnd what else?\n\nNothing else that I know of.")

	// The button below an answer, and a paste where one writes.
	k.click(driver.Text("Copy message").Last())
	k.copied("Nothing else that I know of.")
	k.must(k.app.Fill(k.ctx, driver.Text("Message").Kind("input"), "You said: "))
	k.must(k.app.Press(k.ctx, "ctrl+v"))
	k.see(driver.Text("Message").Kind("input").Where("with what was copied", func(n driver.Node) bool {
		return n.Text == "You said: Nothing else that I know of."
	}))
	k.picture("pasted")
	k.quit()
}
