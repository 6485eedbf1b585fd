package fonts

import (
	"os/exec"
	"runtime"
	"unicode"

	"github.com/drawbridge-app/drawbridge/app/ui/say"
)

// Script returns the name of the script that a character is of; empty where it is
// of none or of one that is not known.
func Script(r rune) string {
	switch {
	case emoji(r):
		return "Emoji"
	case unicode.Is(unicode.Han, r):
		return "Chinese"
	case unicode.In(r, unicode.Hiragana, unicode.Katakana):
		return "Japanese"
	case unicode.Is(unicode.Hangul, r):
		return "Korean"
	}
	for name, table := range unicode.Scripts {
		if name != "Common" && name != "Inherited" && unicode.Is(table, r) {
			return name
		}
	}
	return ""
}

// Advice says that there is no font for a character, and what to install.
func Advice(r rune) string {
	script := Script(r)
	if script == "" {
		return say.F("No font of this computer has the character U+%04X, so it is shown as a replacement sign.", r)
	}
	name := packageOf(script)
	if name == "" {
		return say.F("No font of this computer has the letters of “%s”, so they are shown as replacement signs. Install a font that has them, and start Drawbridge again.", script)
	}
	return say.F("No font of this computer has the letters of “%s”, so they are shown as replacement signs. Install the package %s, and start Drawbridge again.", script, name)
}

// packageOf is the package of this system with a font for a script; empty where
// that is not known.
func packageOf(script string) string {
	if runtime.GOOS != "linux" {
		return ""
	}
	kind := 0
	switch script {
	case "Chinese", "Japanese", "Korean", "Bopomofo":
		kind = 1
	case "Emoji":
		kind = 2
	}
	for _, system := range []struct {
		manager  string
		packages [3]string
	}{
		{"apt-get", [3]string{"fonts-noto-core", "fonts-noto-cjk", "fonts-noto-color-emoji"}},
		{"dnf", [3]string{"google-noto-fonts-all", "google-noto-sans-cjk-vf-fonts", "google-noto-color-emoji-fonts"}},
		{"pacman", [3]string{"noto-fonts", "noto-fonts-cjk", "noto-fonts-emoji"}},
		{"zypper", [3]string{"google-noto-fonts", "google-noto-sans-cjk-fonts", "google-noto-coloremoji-fonts"}},
	} {
		if _, err := exec.LookPath(system.manager); err == nil {
			return system.packages[kind]
		}
	}
	return ""
}
