//! What survives a crash: real processes of the shipped command with faults around them (ENG-1, ENG-2, I1, I4), a little of
//! every scenario. The command `kill-loop` does the same in earnest; README.md has its figures.

mod scenarios;
