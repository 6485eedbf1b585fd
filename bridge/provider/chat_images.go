package provider

import (
	"slices"
	"strings"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

// fieldImages stands for the images of a request. Models that read text alone
// refuse them, and with them every later request of the conversation; they are
// then told of the images instead.
const fieldImages field = "image"

// refusesImages reports whether a refusal is about images.
func refusesImages(message string) bool {
	message = strings.ToLower(message)
	for _, word := range []string{"image", "vision", "multimodal", "multi-modal", "content must be a string"} {
		if strings.Contains(message, word) {
			return true
		}
	}
	return false
}

// hasImages reports whether a request holds an image that services take.
func hasImages(req model.Request) bool {
	is := func(p store.Part) bool {
		img, ok := p.(store.Image)
		if ok {
			_, ok = imageURL(img)
		}
		return ok
	}
	for _, m := range req.Messages {
		if m.Role == store.RoleUser && slices.ContainsFunc(m.Parts, is) {
			return true
		}
		for _, r := range m.Results() {
			if slices.ContainsFunc(r.Content, is) {
				return true
			}
		}
	}
	return false
}

// image returns the part of a message that shows an image, and false where the
// model is only told of it.
func (w *chatWriter) image(img store.Image) (chatPart, bool) {
	u, ok := imageURL(img)
	if !ok || !slices.Contains(w.fields, fieldImages) {
		return chatPart{}, false
	}
	return chatPart{Type: "image_url", ImageURL: &chatImageURL{u}}, true
}
