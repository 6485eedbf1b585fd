// This file is empty. It lets the compiler accept a function without a body,
// which the linker joins with Fyne's.
