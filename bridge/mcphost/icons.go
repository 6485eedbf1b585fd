package mcphost

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"image"
	_ "image/jpeg" // the kinds of icons that are shown
	_ "image/png"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Icon is a small picture that a server carries in its own words. One that would
// have to be fetched is not shown: looking at a list makes no connection.
type Icon struct {
	MIMEType string `json:"type"` // image/png or image/jpeg
	Data     []byte `json:"data"`
}

type wireIcon struct {
	Src string `json:"src"`
}

const (
	iconMax     = 64 << 10 // bytes
	iconSideMax = 512      // pixels
	iconsMax    = 16       // that are looked at
)

// IconOf returns the icon in the definition of a tool; nil if there is none that
// may be shown.
func IconOf(definition json.RawMessage) *Icon {
	var w struct {
		Icons []wireIcon `json:"icons"`
	}
	if json.Unmarshal(definition, &w) != nil {
		return nil
	}
	return newIcon(w.Icons)
}

// iconOf returns the icon of a server ("Implementation" of the specification); nil
// if there is none that may be shown.
func iconOf(info *mcp.Implementation) *Icon {
	if info == nil {
		return nil
	}
	var list []wireIcon
	for _, i := range info.Icons[:min(len(info.Icons), iconsMax)] {
		list = append(list, wireIcon{i.Source})
	}
	return newIcon(list)
}

// newIcon returns the first icon that may be shown; nil if there is none
// ("Icons" of the specification).
func newIcon(list []wireIcon) *Icon {
	for _, w := range list[:min(len(list), iconsMax)] {
		head, body, ok := strings.Cut(w.Src, ",")
		kind, isData := strings.CutPrefix(head, "data:")
		kind, isBase64 := strings.CutSuffix(kind, ";base64")
		if !ok || !isData || !isBase64 || len(body) > base64.StdEncoding.EncodedLen(iconMax) {
			continue
		}
		if kind == "image/jpg" {
			kind = "image/jpeg"
		}
		data, err := base64.StdEncoding.DecodeString(body)
		if err != nil {
			continue
		}
		c, format, err := image.DecodeConfig(bytes.NewReader(data))
		if err != nil || "image/"+format != kind || max(c.Width, c.Height) > iconSideMax || min(c.Width, c.Height) < 1 {
			continue
		}
		return &Icon{MIMEType: kind, Data: data}
	}
	return nil
}
