package mcphost

// sandboxHelp says what to do where there is no sandbox.
const sandboxHelp = "Install bubblewrap, which most distributions have as the package bubblewrap."
