// Package assets holds the pictures of Drawbridge: its icons, drawn for it as
// one family of outlines on a grid of 24, the sign of the program, the table of
// what models take and cost, and the texts of the window in its languages.
//
// It embeds files and decodes nothing. The icons are black shapes without
// strokes, so that a theme can give them any colour; app/ui/theme does.
//
//	svg, err := assets.Icon("send")
//	window.SetIcon(fyne.NewStaticResource("drawbridge.png", assets.AppPNG()))
package assets

import (
	"embed"
	"fmt"
	"slices"
	"strings"
)

//go:embed icons/*.svg app/* models.json licence.txt translations/*.json
var files embed.FS

// Models returns the table of models as JSON: contexts in tokens, prices in US
// dollars for a million tokens. Its "source" says where it is from.
func Models() []byte {
	b, err := files.ReadFile("models.json")
	if err != nil {
		panic("assets: the embedded table of models: " + err.Error())
	}
	return b
}

// Icon returns the SVG of an icon by its name, such as "send". The error wraps
// fs.ErrNotExist if there is none.
func Icon(name string) ([]byte, error) {
	b, err := files.ReadFile("icons/" + name + ".svg")
	if err != nil {
		return nil, fmt.Errorf("icon %q: %w", name, err)
	}
	return b, nil
}

// Icons returns the names of all icons, sorted.
func Icons() []string {
	entries, err := files.ReadDir("icons")
	if err != nil {
		panic("assets: the embedded icons cannot be listed: " + err.Error())
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".svg"))
	}
	slices.Sort(names)
	return names
}

// AppSVG returns the sign of the program.
func AppSVG() []byte { return file("app/drawbridge.svg") }

// AppPNG returns the sign of the program, 512 pixels wide.
func AppPNG() []byte { return file("app/drawbridge.png") }

// TrayState is what the icon of the tray shows.
type TrayState string

// The states, as their pictures are named. Each is a tile with a ground of its
// own, so that it can be told on a light panel and on a dark one, and is told by
// its shape as well as by its colour.
const (
	TrayIdle    TrayState = "tray"
	TrayWorking TrayState = "tray-working" // an answer is being written, or a tool runs
	TrayWaiting TrayState = "tray-waiting" // something waits for the person
	TrayRaised  TrayState = "tray-raised"  // the bridge is raised
)

// TrayStates returns all of them.
func TrayStates() []TrayState { return []TrayState{TrayIdle, TrayWorking, TrayWaiting, TrayRaised} }

// TrayPNG returns the icon of the tray in that state, which must be one of the
// above, 64 pixels wide.
func TrayPNG(state TrayState) []byte { return file("app/" + string(state) + ".png") }

// Licence returns the licence of the program, and what it takes from others, as
// LICENSE and NOTICE have it.
func Licence() string { return string(file("licence.txt")) }

// Translation returns the texts of the window in a language, such as "en", in
// the format of Fyne's lang; nil if there is none.
func Translation(language string) []byte {
	b, err := files.ReadFile("translations/" + language + ".json")
	if err != nil {
		return nil
	}
	return b
}

func file(name string) []byte {
	b, err := files.ReadFile(name)
	if err != nil {
		panic("assets: " + name + " is not embedded: " + err.Error())
	}
	return b
}
