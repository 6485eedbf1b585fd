package store

import "time"

// Hit is a message that a search found.
type Hit struct {
	ConversationID string
	MessageID      string
	Role           Role // RoleUser or RoleAssistant
	At             time.Time
	// Passage is a line of what was said around the first words that match, and
	// Marks where the words are in it: the bytes from the first number up to,
	// and without, the second, in order.
	Passage string
	Marks   [][2]int
}

// Found is what a search found, the best first.
type Found struct {
	Hits []Hit
	// Newest is how many messages were compared, the newest of those that match,
	// if there may be more; 0 if all of them were.
	Newest int
}
