package workbench

// openFlags are none: nothing that is opened by name here waits.
const openFlags = 0
