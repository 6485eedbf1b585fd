package theme

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"github.com/drawbridge-app/drawbridge/assets"
)

// IconName names an icon of package assets.
type IconName string

// The icons.
const (
	IconAdd          IconName = "add"
	IconArchive      IconName = "archive"
	IconArrowDown    IconName = "arrow-down"
	IconBranch       IconName = "branch"
	IconBridge       IconName = "bridge"
	IconChat         IconName = "chat"
	IconCheck        IconName = "check"
	IconChevronDown  IconName = "chevron-down"
	IconChevronLeft  IconName = "chevron-left"
	IconChevronRight IconName = "chevron-right"
	IconClose        IconName = "close"
	IconCopy         IconName = "copy"
	IconDelete       IconName = "delete"
	IconDocument     IconName = "document"
	IconEdit         IconName = "edit"
	IconError        IconName = "error"
	IconFile         IconName = "file"
	IconFolder       IconName = "folder"
	IconHeld         IconName = "held"
	IconHistory      IconName = "history"
	IconImage        IconName = "image"
	IconInfo         IconName = "info"
	IconKey          IconName = "key"
	IconLink         IconName = "link"
	IconLock         IconName = "lock"
	IconMore         IconName = "more"
	IconNewChat      IconName = "new-chat"
	IconPin          IconName = "pin"
	IconRestart      IconName = "restart"
	IconSearch       IconName = "search"
	IconSend         IconName = "send"
	IconServer       IconName = "server"
	IconSettings     IconName = "settings"
	IconShield       IconName = "shield"
	IconSidebar      IconName = "sidebar"
	IconStar         IconName = "star"
	IconStarFill     IconName = "star-fill"
	IconStart        IconName = "start"
	IconStop         IconName = "stop"
	IconThinking     IconName = "thinking"
	IconTools        IconName = "tools"
	IconUndo         IconName = "undo"
	IconUser         IconName = "user"
	IconWarning      IconName = "warning"
	IconWrap         IconName = "wrap"
)

// Icon returns an icon in the colour of the text around it. It panics if there
// is none of that name.
func Icon(name IconName) fyne.Resource {
	return theme.NewThemedResource(source(name))
}

// Tinted returns an icon in a colour of the theme.
func Tinted(name IconName, c fyne.ThemeColorName) fyne.Resource {
	return theme.NewColoredResource(source(name), c)
}

func source(name IconName) fyne.Resource {
	svg, err := assets.Icon(string(name))
	if err != nil {
		panic("theme: " + err.Error())
	}
	return fyne.NewStaticResource("drawbridge-"+string(name)+".svg", svg)
}

// AppIcon is the sign of the program.
func AppIcon() fyne.Resource { return fyne.NewStaticResource("drawbridge.png", assets.AppPNG()) }

// fyneIcons are the icons that Fyne's own widgets ask for, as far as they are
// drawn.
var fyneIcons = map[fyne.ThemeIconName]IconName{
	theme.IconNameCancel:             "close",
	theme.IconNameConfirm:            "check",
	theme.IconNameDelete:             "delete",
	theme.IconNameSearch:             "search",
	theme.IconNameMenu:               "menu",
	theme.IconNameMenuExpand:         "chevron-right",
	theme.IconNameCheckButton:        "box",
	theme.IconNameCheckButtonChecked: "box-checked",
	theme.IconNameCheckButtonFill:    "box-fill",
	theme.IconNameCheckButtonPartial: "box-partial",
	theme.IconNameRadioButton:        "radio",
	theme.IconNameRadioButtonChecked: "radio-checked",
	theme.IconNameRadioButtonFill:    "radio-fill",
	theme.IconNameContentAdd:         "add",
	theme.IconNameContentRemove:      "remove",
	theme.IconNameContentCut:         "cut",
	theme.IconNameContentCopy:        "copy",
	theme.IconNameContentPaste:       "paste",
	theme.IconNameContentClear:       "close",
	theme.IconNameContentRedo:        "redo",
	theme.IconNameContentUndo:        "undo",
	theme.IconNameInfo:               "info",
	theme.IconNameQuestion:           "question",
	theme.IconNameWarning:            "warning",
	theme.IconNameError:              "error",
	theme.IconNameDocument:           "document",
	theme.IconNameDocumentCreate:     "edit",
	theme.IconNameDocumentSave:       "save",
	theme.IconNameMoreHorizontal:     "more",
	theme.IconNameMoreVertical:       "more-vertical",
	theme.IconNameMailAttachment:     "link",
	theme.IconNameMailCompose:        "new-chat",
	theme.IconNameMailSend:           "send",
	theme.IconNameMediaPhoto:         "image",
	theme.IconNameMediaPlay:          "start",
	theme.IconNameMediaPause:         "pause",
	theme.IconNameMediaStop:          "stop",
	theme.IconNameMediaReplay:        "restart",
	theme.IconNameMoveDown:           "arrow-down",
	theme.IconNameMoveUp:             "arrow-up",
	theme.IconNameNavigateBack:       "chevron-left",
	theme.IconNameNavigateNext:       "chevron-right",
	theme.IconNameArrowDropDown:      "chevron-down",
	theme.IconNameArrowDropUp:        "chevron-up",
	theme.IconNameFile:               "file",
	theme.IconNameFileText:           "document",
	theme.IconNameFileImage:          "image",
	theme.IconNameFolder:             "folder",
	theme.IconNameFolderOpen:         "folder",
	theme.IconNameHelp:               "question",
	theme.IconNameHistory:            "history",
	theme.IconNameHome:               "home",
	theme.IconNameSettings:           "settings",
	theme.IconNameStorage:            "server",
	theme.IconNameUpload:             "upload",
	theme.IconNameDownload:           "download",
	theme.IconNameViewRefresh:        "restart",
	theme.IconNameVisibility:         "visible",
	theme.IconNameVisibilityOff:      "hidden",
	theme.IconNameComputer:           "computer",
	theme.IconNameDesktop:            "computer",
	theme.IconNameAccount:            "user",
	theme.IconNameList:               "list",
}
