package workbench

import (
	"context"
	"fmt"
	"time"
	_ "time/tzdata" // zones also where the system has none
)

type timeIn struct {
	Zone string `json:"zone"`
}

func (s *Server) time(_ context.Context, in timeIn) (string, error) {
	now := s.o.Now()
	if in.Zone != "" && in.Zone != "Local" {
		zone, err := time.LoadLocation(in.Zone)
		if err != nil {
			return "", fmt.Errorf("%q is no time zone that is known; use an IANA name such as Europe/Berlin or America/Lima", in.Zone)
		}
		now = now.In(zone)
	}
	name := now.Location().String()
	short, _ := now.Zone()
	if name == "Local" {
		name = "the person's own zone"
	}
	return fmt.Sprintf("%s\n%s, %s (%s, UTC%s)", now.Format(time.RFC3339), now.Format("Monday, 2 January 2006, 15:04:05"),
		name, short, now.Format("-07:00")), nil
}
