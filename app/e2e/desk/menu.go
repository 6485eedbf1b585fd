//go:build linux && e2e

package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"
)

// The interfaces of an icon in the tray and of its menu.
const (
	itemInterface = "org.kde.StatusNotifierItem"
	menuInterface = "com.canonical.dbusmenu"
)

// A MenuEntry is an entry of a tray icon's menu that can be seen.
type MenuEntry struct {
	Label   string
	Checked bool
	Entries []MenuEntry

	id int32
}

// trayItem is the one icon in the tray.
func (d *Desktop) trayItem(ctx context.Context, bus *dbus.Conn) (dbus.BusObject, error) {
	items, err := d.TrayItems(ctx)
	if err != nil {
		return nil, err
	}
	if len(items) != 1 {
		return nil, fmt.Errorf("there are %d icons in the tray, and not one", len(items))
	}
	service, path, _ := strings.Cut(items[0], "/")
	if path == "" {
		path = "StatusNotifierItem"
	}
	return bus.Object(service, dbus.ObjectPath("/"+path)), nil
}

// TrayTip is what the only icon in the tray says of itself.
func (d *Desktop) TrayTip(ctx context.Context) (tip string, err error) {
	err = d.withBus(ctx, func(bus *dbus.Conn) error {
		item, err := d.trayItem(ctx, bus)
		if err != nil {
			return err
		}
		value, err := item.GetProperty(itemInterface + ".ToolTip")
		if err != nil {
			return err
		}
		fields, ok := value.Value().([]any)
		if !ok || len(fields) < 3 {
			return fmt.Errorf("the icon's tip is %v", value)
		}
		tip, ok = fields[2].(string)
		if !ok {
			return fmt.Errorf("the icon's tip is %v", value)
		}
		return nil
	})
	return tip, err
}

// TrayMenu is the menu of the only icon in the tray, as its host gets it.
func (d *Desktop) TrayMenu(ctx context.Context) (entries []MenuEntry, err error) {
	err = d.withBus(ctx, func(bus *dbus.Conn) error {
		menu, err := d.trayMenu(ctx, bus)
		if err != nil {
			return err
		}
		entries, err = layoutOf(ctx, menu)
		return err
	})
	return entries, err
}

// TrayPick picks an entry of that menu by the labels on the way to it. It does not
// wait for what the program does then.
func (d *Desktop) TrayPick(ctx context.Context, labels ...string) error {
	return d.withBus(ctx, func(bus *dbus.Conn) error {
		menu, err := d.trayMenu(ctx, bus)
		if err != nil {
			return err
		}
		entries, err := layoutOf(ctx, menu)
		if err != nil {
			return err
		}
		var found MenuEntry
		for _, label := range labels {
			at := slices.IndexFunc(entries, func(e MenuEntry) bool { return e.Label == label })
			if at < 0 {
				return fmt.Errorf("the menu has no entry %q; it has %v", label, entries)
			}
			found = entries[at]
			entries = found.Entries
		}
		return menu.CallWithContext(ctx, menuInterface+".Event", 0, found.id, "clicked", dbus.MakeVariant(0), uint32(0)).Err
	})
}

// trayMenu is the menu of the only icon in the tray.
func (d *Desktop) trayMenu(ctx context.Context, bus *dbus.Conn) (dbus.BusObject, error) {
	item, err := d.trayItem(ctx, bus)
	if err != nil {
		return nil, err
	}
	value, err := item.GetProperty(itemInterface + ".Menu")
	if err != nil {
		return nil, err
	}
	path, ok := value.Value().(dbus.ObjectPath)
	if !ok {
		return nil, fmt.Errorf("the icon's menu is %v", value)
	}
	return bus.Object(item.Destination(), path), nil
}

// layoutOf reads a whole menu.
func layoutOf(ctx context.Context, menu dbus.BusObject) ([]MenuEntry, error) {
	var revision uint32
	var root struct {
		ID         int32
		Properties map[string]dbus.Variant
		Children   []dbus.Variant
	}
	if err := menu.CallWithContext(ctx, menuInterface+".GetLayout", 0, int32(0), int32(-1), []string{}).Store(&revision, &root); err != nil {
		return nil, err
	}
	return entriesOf(root.Children)
}

func entriesOf(children []dbus.Variant) (entries []MenuEntry, err error) {
	for _, child := range children {
		fields, ok := child.Value().([]any)
		if !ok || len(fields) != 3 {
			return nil, fmt.Errorf("an entry of the menu is %v", child)
		}
		var e MenuEntry
		properties, isMap := fields[1].(map[string]dbus.Variant)
		below, isList := fields[2].([]dbus.Variant)
		if e.id, ok = fields[0].(int32); !ok || !isMap || !isList {
			return nil, errors.New("an entry of the menu is of another form")
		}
		if v, said := properties["visible"]; said && v.Value() == false {
			continue
		}
		if properties["type"].Value() == "separator" {
			continue
		}
		e.Label, _ = properties["label"].Value().(string)
		e.Checked = properties["toggle-state"].Value() == int32(1)
		if e.Entries, err = entriesOf(below); err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}
