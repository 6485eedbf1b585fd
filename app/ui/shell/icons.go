package shell

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
)

func chatIcon() fyne.Resource     { return theme.MailComposeIcon() }
func serversIcon() fyne.Resource  { return theme.StorageIcon() }
func settingsIcon() fyne.Resource { return theme.SettingsIcon() }
